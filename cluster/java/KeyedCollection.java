import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVMap;

/**
 * A collection that need not be read as a whole for the two kinds of queries that Sate lives on, for which the server
 * has no index: by key when the query asks for more than the key, as every conditional update does ("this execution, if
 * it is still queued"), and for the few documents that somebody still has to do something about. Those are kept in
 * memory as a set: what is queued or running, or has a field that says that work is left.
 */
final class KeyedCollection extends H2Collection {
  private static final String KEY = "_id";
  private static final String STATUS = "status";
  private static final List<Object> ACTIVE = Arrays.asList("queued", "running");
  private static final List<String> WORK_LEFT = List.of("mark");

  private final Set<Object> live = new HashSet<>();

  KeyedCollection(
      MongoDatabase database,
      String name,
      CollectionOptions options,
      MVMap<Object, Document> documents,
      MVMap<String, Object> meta,
      CursorRegistry cursors) {
    super(database, name, options, documents, meta, cursors);
    documents.forEach(this::note);
  }

  @Override
  protected Object addDocumentInternal(Document document) {
    Object position = super.addDocumentInternal(document);
    note(position, document);
    return position;
  }

  @Override
  protected void handleUpdate(Object position, Document oldDocument, Document newDocument) {
    super.handleUpdate(position, oldDocument, newDocument);
    note(position, newDocument);
  }

  @Override
  protected void removeDocument(Object position) {
    super.removeDocument(position);
    live.remove(position);
  }

  private void note(Object position, Document document) {
    boolean isLive = ACTIVE.contains(document.get(STATUS)) || WORK_LEFT.stream().anyMatch(document::containsKey);
    if (isLive) live.add(position);
    else live.remove(position);
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
    if (findsOnlyLive(query)) {
      return matchDocuments(query, List.copyOf(live), order, skip, limit, batchSize, projection);
    }
    return super.matchDocuments(query, order, skip, limit, batchSize, projection);
  }

  /** Whether no document beside the live ones can match. */
  private static boolean findsOnlyLive(Document query) {
    if (query.get("$or") instanceof Collection<?> ways) {
      return !ways.isEmpty() && ways.stream().allMatch(way -> findsOnlyLive((Document) way));
    }
    return onlyActive(query.get(STATUS)) || WORK_LEFT.stream().anyMatch(field -> needs(query, field));
  }

  private static boolean onlyActive(Object wanted) {
    if (wanted instanceof Document operators) {
      return operators.get("$in") instanceof Collection<?> values && ACTIVE.containsAll(values);
    }
    return ACTIVE.contains(wanted);
  }

  /** The field must be there: it equals something, or is compared with something. */
  private static boolean needs(Document query, String field) {
    Object wanted = query.get(field);
    if (!(wanted instanceof Document operators)) return wanted != null;
    Object exists = operators.get("$exists");
    return exists == null ? operators.containsKey("$gte") || operators.containsKey("$gt") : exists.equals(true);
  }
}
