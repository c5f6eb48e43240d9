import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import org.h2.mvstore.DataUtils;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;
import org.h2.mvstore.type.ObjectDataType;

/** Documents as BSON, as they came: many times quicker, and smaller, than what Java makes of them by itself. */
final class DocumentType extends BasicDataType<Document> {
  private static final byte BSON = 0x7f;
  private static final int MEMORY_OF_DOCUMENT = 200;
  private static final int MEMORY_OF_FIELD = 100;

  private final ObjectDataType any = new ObjectDataType();

  /** Roughly: it decides when a page is large enough to be divided. */
  @Override
  public int getMemory(Document document) {
    int memory = MEMORY_OF_DOCUMENT;
    for (Object value : document.values()) {
      memory += MEMORY_OF_FIELD + (value instanceof String text ? text.length() : 0);
    }
    return memory;
  }

  @Override
  public void write(WriteBuffer buffer, Document document) {
    ByteBuf bson = Unpooled.buffer();
    BsonEncoder.encodeDocument(document, bson);
    buffer.put(BSON).putVarInt(bson.readableBytes());
    buffer.put(bson.array(), bson.arrayOffset(), bson.readableBytes());
  }

  /** Files of earlier versions have documents that are not BSON. */
  @Override
  public Document read(ByteBuffer buffer) {
    if (buffer.get(buffer.position()) != BSON) return (Document) any.read(buffer);
    buffer.get();
    byte[] bytes = new byte[DataUtils.readVarInt(buffer)];
    buffer.get(bytes);
    return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(bytes));
  }

  @Override
  public Document[] createStorage(int size) {
    return new Document[size];
  }
}
