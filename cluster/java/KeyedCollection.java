import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.bson.Document;
import org.h2.mvstore.MVMap;

/**
 * A collection that finds documents by their key also when the query asks for more than the key, as every conditional
 * update does ("this execution, if it is still queued"). Without this such a query reads the whole collection.
 */
final class KeyedCollection extends H2Collection {
  private static final String KEY = "_id";

  KeyedCollection(
      MongoDatabase database,
      String name,
      CollectionOptions options,
      MVMap<Object, Document> documents,
      MVMap<String, Object> meta,
      CursorRegistry cursors) {
    super(database, name, options, documents, meta, cursors);
  }

  /** Asked when no index fits the whole query. */
  @Override
  protected QueryResult matchDocuments(
      Document query, Document order, int skip, int limit, int batchSize, Document projection) {
    if (query.containsKey(KEY)) {
      Document byKey = new Document(KEY, query.get(KEY));
      for (Index<Object> index : getIndexes()) {
        if (!index.canHandle(byKey)) continue;
        return matchDocuments(query, index.getPositions(byKey), order, skip, limit, batchSize, projection);
      }
    }
    return super.matchDocuments(query, order, skip, limit, batchSize, projection);
  }
}
