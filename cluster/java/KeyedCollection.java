import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.h2.mvstore.MVMap;

/**
 * A collection that need not be read as a whole for the two kinds of queries that Sate lives on, for which the server
 * has no index: by key when the query asks for more than the key, as every conditional update does ("this execution, if
 * it is still queued"), and for what somebody still has to do something about. The keys of those documents are kept in
 * memory, in order: by status for what is queued or running, and by mark.
 */
final class KeyedCollection extends H2Collection {
  private static final String KEY = "_id";
  private static final String STATUS = "status";
  private static final String MARK = "mark";
  private static final List<String> ACTIVE = Arrays.asList("queued", "running");

  private final Map<String, TreeSet<String>> byStatus = new TreeMap<>();
  private final NavigableMap<String, TreeSet<String>> byMark = new TreeMap<>();

  KeyedCollection(
      MongoDatabase database,
      String name,
      CollectionOptions options,
      MVMap<Object, Document> documents,
      MVMap<String, Object> meta,
      CursorRegistry cursors) {
    super(database, name, options, documents, meta, cursors);
    documents.forEach((position, document) -> note(position, null, document));
  }

  @Override
  protected Object addDocumentInternal(Document document) {
    Object position = super.addDocumentInternal(document);
    note(position, null, document);
    return position;
  }

  @Override
  protected void handleUpdate(Object position, Document oldDocument, Document newDocument) {
    super.handleUpdate(position, oldDocument, newDocument);
    note(position, oldDocument, newDocument);
  }

  @Override
  protected void removeDocument(Object position) {
    Document document = getDocument(position);
    super.removeDocument(position);
    note(position, document, null);
  }

  private void note(Object position, Document before, Document now) {
    if (!(position instanceof String key)) return;
    String oldStatus = textOf(before, STATUS);
    String newStatus = textOf(now, STATUS);
    move(byStatus, key, ACTIVE.contains(oldStatus) ? oldStatus : null, ACTIVE.contains(newStatus) ? newStatus : null);
    move(byMark, key, textOf(before, MARK), textOf(now, MARK));
  }

  private static void move(Map<String, TreeSet<String>> sets, String key, String from, String to) {
    if (Objects.equals(from, to)) return;
    if (from != null) {
      sets.get(from).remove(key);
      if (sets.get(from).isEmpty()) sets.remove(from);
    }
    if (to != null) sets.computeIfAbsent(to, unused -> new TreeSet<>()).add(key);
  }

  private static String textOf(Document document, String field) {
    return document != null && document.get(field) instanceof String text ? text : null;
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
    List<Object> positions = candidates(query);
    if (positions == null) return super.matchDocuments(query, order, skip, limit, batchSize, projection);
    boolean areResult = query.size() == 1 && query.get(STATUS) instanceof String && new Document(KEY, 1).equals(order);
    if (areResult && skip == 0 && limit > 0 && limit < positions.size()) positions = positions.subList(0, limit);
    return matchDocuments(query, positions, order, skip, limit, batchSize, projection);
  }

  /** The keys, in order, of all documents that can match; null if that is not known without reading all of them. */
  private List<Object> candidates(Document query) {
    if (query.get("$or") instanceof Collection<?> ways) {
      TreeSet<Object> all = new TreeSet<>();
      for (Object way : ways) {
        List<Object> some = candidates((Document) way);
        if (some == null) return null;
        all.addAll(some);
      }
      return List.copyOf(all);
    }
    List<TreeSet<String>> sets = setsOf(query.get(STATUS), query.get(MARK));
    if (sets == null) return null;
    if (sets.size() == 1) return List.copyOf(sets.get(0));
    TreeSet<Object> all = new TreeSet<>();
    sets.forEach(all::addAll);
    return List.copyOf(all);
  }

  private List<TreeSet<String>> setsOf(Object status, Object mark) {
    if (mark instanceof String text) return named(byMark, List.of(text));
    if (mark instanceof Document operators) {
      if (operators.get("$gt") instanceof String bound) return List.copyOf(byMark.tailMap(bound, false).values());
      if (Boolean.TRUE.equals(operators.get("$exists"))) return List.copyOf(byMark.values());
    }
    if (status instanceof String text && ACTIVE.contains(text)) return named(byStatus, List.of(text));
    if (status instanceof Document operators && operators.get("$in") instanceof Collection<?> values) {
      return ACTIVE.containsAll(values) ? named(byStatus, values) : null;
    }
    return null;
  }

  private static List<TreeSet<String>> named(Map<String, TreeSet<String>> sets, Collection<?> names) {
    return names.stream().map(sets::get).filter(Objects::nonNull).toList();
  }
}
