import static de.bwaldvogel.mongo.backend.Constants.ID_FIELD;

import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.h2.mvstore.MVMap;

/**
 * A collection that uses an index where the server would read all documents: for a query for a key and more, as every
 * conditional update is ("this execution, if it is still queued"), and for one that a {@link SecondaryIndex} bounds or has
 * in order. If the index has the order of the query, reading ends at the limit.
 */
final class KeyedCollection extends H2Collection {
  private final SecondaryIndex byKey = new SecondaryIndex(ID_FIELD, List.of(new IndexKey(ID_FIELD, true)));

  KeyedCollection(
      MongoDatabase database,
      String name,
      CollectionOptions options,
      MVMap<Object, Document> documents,
      MVMap<String, Object> meta,
      CursorRegistry cursors) {
    super(database, name, options, documents, meta, cursors);
  }

  /** Builds the index at once while the collection is empty, so that no query has to. */
  @Override
  public synchronized void addIndex(Index<Object> index) {
    super.addIndex(index);
    if (isEmpty()) secondaryIndexes();
  }

  @Override
  protected Object addDocumentInternal(Document document) {
    Object position = super.addDocumentInternal(document);
    byKey.add(document, position, this);
    return position;
  }

  @Override
  protected void removeDocument(Object position) {
    byKey.remove(getDocument(position));
    super.removeDocument(position);
  }

  /** Called when none of the server's own indexes fits the whole query. */
  @Override
  protected QueryResult matchDocuments(
      Document query, Document order, int skip, int limit, int batchSize, Document projection) {
    if (query.containsKey(ID_FIELD)) {
      Document key = new Document(ID_FIELD, query.get(ID_FIELD));
      for (Index<Object> index : getIndexes()) {
        if (!index.canHandle(key)) continue;
        return matchDocuments(query, index.getPositions(key), order, skip, limit, batchSize, projection);
      }
    }
    List<SecondaryIndex.Plan> plans = plansFor(query, order == null ? new Document() : order, limit > 0);
    if (plans == null) return super.matchDocuments(query, order, skip, limit, batchSize, projection);
    Map<Object, Document> found = new LinkedHashMap<>();
    for (SecondaryIndex.Plan plan : plans) {
      for (Stream<Object> keys : plan.keys()) {
        Stream<Document> matching = keys.map(this::getDocument).filter(one -> documentMatchesQuery(one, query));
        if (limit > 0 && plan.direction() != 0) matching = matching.limit((long) skip + limit);
        matching.forEach(one -> found.put(one.get(ID_FIELD), one));
      }
    }
    Stream<Document> all = found.values().stream();
    return matchDocumentsFromStream(all, new Document(), order, skip, limit, batchSize, projection);
  }

  /** Plans that together find everything that can match; null if all documents have to be read. */
  private List<SecondaryIndex.Plan> plansFor(Document query, Document order, boolean isLimited) {
    if (query.get("$or") instanceof Collection<?> branches && !branches.isEmpty()) {
      List<SecondaryIndex.Plan> all = new ArrayList<>();
      for (Object branch : branches) {
        Document conditions = query.clone();
        conditions.remove("$or");
        conditions.putAll((Document) branch);
        List<SecondaryIndex.Plan> some = plansFor(conditions, order, isLimited);
        if (some == null) return null;
        all.addAll(some);
      }
      return all;
    }
    Predicate<SecondaryIndex.Plan> endsEarly = plan -> isLimited && !order.isEmpty() && plan.direction() != 0;
    Comparator<SecondaryIndex.Plan> best =
        Comparator.comparing(plan -> plan.boundedFields() > 0 && endsEarly.test(plan));
    return secondaryIndexes().stream()
        .map(index -> index.planFor(query, order))
        .filter(plan -> plan.boundedFields() > 0 || endsEarly.test(plan))
        .max(best.thenComparing(SecondaryIndex.Plan::boundedFields))
        .map(List::of)
        .orElse(null);
  }

  /** Builds those that are not built yet, all in one pass. */
  private List<SecondaryIndex> secondaryIndexes() {
    List<SecondaryIndex> all = new ArrayList<>(List.of(byKey));
    for (Index<Object> index : getIndexes()) {
      if (index instanceof SecondaryIndex secondary) all.add(secondary);
    }
    List<SecondaryIndex> empty = all.stream().filter(SecondaryIndex::startBuilding).toList();
    if (empty.isEmpty()) return all;
    streamAllDocumentsWithPosition()
        .forEach(one -> empty.forEach(index -> index.add(one.getDocument(), one.getPosition(), this)));
    return all;
  }
}
