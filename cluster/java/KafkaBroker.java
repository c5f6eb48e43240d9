import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Apache Kafka, one node: {@code KafkaBroker <server.properties> [<option of the format command>]…}. Formats its data
 * directory the first time, in this same process, since a second Java would cost a second; its options can make users
 * ({@code --add-scram}).
 */
public final class KafkaBroker {
  /** Any id; the data is of one node and never meets another cluster's. */
  private static final String CLUSTER_ID = "c2F0ZS1jbHVzdGVyLTAwMQ";

  public static void main(String[] args) {
    String properties = args[0];
    if (!Files.isReadable(Path.of(properties))) throw new IllegalArgumentException("cannot read " + properties);
    List<String> format = new ArrayList<>(List.of("format", "--ignore-formatted", "-t", CLUSTER_ID, "-c", properties));
    format.addAll(List.of(args).subList(1, args.length));
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    if (kafka.tools.StorageTool.execute(format.toArray(String[]::new), new PrintStream(output)) != 0) {
      System.err.println(output);
      System.exit(1);
    }
    EndWithInput.watch();
    kafka.Kafka.main(new String[] {properties});
  }
}
