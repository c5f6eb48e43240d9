import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import java.util.ArrayList;
import java.util.List;

/** MongoDB-compatible servers, each with a file and a port: {@code MongoServers <file> <port> [<file> <port>]…}. */
public final class MongoServers {
  /** What the servers say they are: the least that the drivers of today talk to. */
  private static final MongoVersion VERSION =
      new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
          return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
          return 13;
        }
      };

  public static void main(String[] args) {
    List<MongoServer> servers = new ArrayList<>();
    for (int at = 0; at + 1 < args.length; at += 2) {
      MongoServer server = new MongoServer(new DurableBackend(args[at]).version(VERSION));
      servers.add(server);
      server.bind("127.0.0.1", Integer.parseInt(args[at + 1]));
    }
    // Closes the files; what was acknowledged is in them already.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> servers.forEach(MongoServer::shutdownNow)));
    EndWithInput.watch();
  }
}
