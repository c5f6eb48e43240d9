import de.bwaldvogel.mongo.backend.KeyValue;
import java.nio.ByteBuffer;
import org.h2.mvstore.DataUtils;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;
import org.h2.mvstore.type.ObjectDataType;

/**
 * Keys of unique indexes, nearly always one string. Without a type of their own each comparison serializes both of them,
 * which takes more time than all else that the server does. The order is that of the serialized form: short ones first.
 */
final class KeyType extends BasicDataType<KeyValue> {
  private static final byte ONE_STRING = 0x7e;
  private static final int MEMORY_OF_KEY = 80;

  private final ObjectDataType any = new ObjectDataType();

  @Override
  public int compare(KeyValue one, KeyValue other) {
    String left = oneString(one);
    String right = oneString(other);
    if (left == null || right == null) return any.compare(one, other);
    int byLength = Integer.compare(left.length(), right.length());
    return byLength != 0 ? byLength : left.compareTo(right);
  }

  @Override
  public int getMemory(KeyValue key) {
    String text = oneString(key);
    return text == null ? any.getMemory(key) : MEMORY_OF_KEY + 2 * text.length();
  }

  @Override
  public void write(WriteBuffer buffer, KeyValue key) {
    String text = oneString(key);
    if (text == null) {
      any.write(buffer, key);
      return;
    }
    buffer.put(ONE_STRING).putVarInt(text.length()).putStringData(text, text.length());
  }

  @Override
  public KeyValue read(ByteBuffer buffer) {
    if (buffer.get(buffer.position()) != ONE_STRING) return (KeyValue) any.read(buffer);
    buffer.get();
    return new KeyValue(DataUtils.readString(buffer));
  }

  @Override
  public KeyValue[] createStorage(int size) {
    return new KeyValue[size];
  }

  private static String oneString(KeyValue key) {
    return key.size() == 1 && key.get(0) instanceof String text ? text : null;
  }
}
