import java.io.IOException;

/** Stops this process cleanly when its standard input closes: its parent has ended, even by SIGKILL. */
final class EndWithInput {
  private EndWithInput() {}

  static void watch() {
    Thread watcher = new Thread(EndWithInput::readToTheEnd, "end-with-input");
    watcher.setDaemon(true);
    watcher.start();
  }

  private static void readToTheEnd() {
    try {
      while (System.in.read() >= 0) {}
    } catch (IOException gone) {
      // The same as its end.
    }
    System.exit(0);
  }
}
