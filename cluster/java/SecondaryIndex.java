import static de.bwaldvogel.mongo.backend.Constants.ID_FIELD;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A non-unique index; mongo-java-server has none. Kept in memory. Entries are ordered as in MongoDB: by the values of the
 * fields, each in its direction, then by the key of the document; a document has an entry for each element of an array.
 */
final class SecondaryIndex extends Index<Object> {
  /** The maximum number of combinations of {@code $in} values. */
  private static final int MAX_INTERVALS = 1_000;

  private final NavigableSet<Entry> entries = new TreeSet<>(this::compare);
  private final Set<String> arrayFields = new HashSet<>();
  private boolean isBuilt;
  private boolean isUsable = true;

  SecondaryIndex(String name, List<IndexKey> keys) {
    super(name, keys, true);
  }

  /**
   * The values of a document, then its key. Or a bound: a prefix of values; with side -1 it sorts before all entries
   * with that prefix, with side 1 after them.
   */
  private record Entry(Object[] values, int side) {}

  private record Interval(Entry low, Entry high) {}

  /**
   * Where to find everything that can match a query.
   *
   * @param boundedFields how many fields the intervals bound
   * @param direction in which each interval has the order of the query: 1, -1, or 0 for neither
   */
  record Plan(SecondaryIndex index, List<Interval> intervals, int boundedFields, int direction) {
    /** The keys of the documents of each interval. */
    List<Stream<Object>> keys() {
      return intervals.stream().map(interval -> index.keysIn(interval, direction < 0)).toList();
    }
  }

  /** A plan that bounds nothing if the index does not help. */
  Plan planFor(Document query, Document order) {
    if (!isUsable) return new Plan(this, List.of(), 0, 0);
    List<Object[]> prefixes = List.<Object[]>of(new Object[0]);
    int equal = 0;
    for (; equal < getKeys().size(); equal++) {
      Collection<?> values = valuesOf(query.getOrMissing(nameOf(equal)));
      if (values == null || values.size() * prefixes.size() > MAX_INTERVALS) break;
      prefixes = prefixes.stream().flatMap(prefix -> values.stream().map(value -> with(prefix, value))).toList();
    }
    boolean isLast = equal == getKeys().size();
    Document range = !isLast && query.get(nameOf(equal)) instanceof Document operators ? operators : new Document();
    boolean isAscending = isLast || getKeys().get(equal).isAscending();
    boolean hasRange = Stream.of("$gt", "$gte", "$lt", "$lte").anyMatch(range::containsKey);
    List<Interval> intervals = prefixes.stream().map(prefix -> interval(prefix, range, isAscending)).toList();
    return new Plan(this, intervals, hasRange ? equal + 1 : equal, direction(order, equal));
  }

  private String nameOf(int field) {
    return getKeys().get(field).getKey();
  }

  /** The only values that can match; null if that is not known. */
  private static Collection<?> valuesOf(Object condition) {
    Object values = condition instanceof Document operators ? operators.get("$in") : Collections.singletonList(condition);
    return values instanceof Collection<?> all && all.stream().allMatch(SecondaryIndex::isPlain) ? all : null;
  }

  private static boolean isPlain(Object value) {
    return value == null || value instanceof String || value instanceof Number || value instanceof Boolean;
  }

  private static Interval interval(Object[] prefix, Document range, boolean isAscending) {
    int up = isAscending ? 1 : -1;
    Entry above = bound(prefix, range, "$gt", "$gte", up);
    Entry below = bound(prefix, range, "$lt", "$lte", -up);
    return isAscending ? new Interval(above, below) : new Interval(below, above);
  }

  /** The bound at one end of the values after {@code prefix}; {@code side} is that of the operator that excludes it. */
  private static Entry bound(Object[] prefix, Document range, String excluding, String including, int side) {
    if (range.containsKey(excluding)) return new Entry(with(prefix, range.get(excluding)), side);
    if (range.containsKey(including)) return new Entry(with(prefix, range.get(including)), -side);
    return new Entry(prefix, -side);
  }

  private int direction(Document order, int equal) {
    int direction = 0;
    int at = equal;
    for (String field : order.keySet()) {
      if (arrayFields.contains(field)) return 0;
      if (keys().subList(0, equal).contains(field)) continue;
      boolean isKey = at == getKeys().size();
      if (at > getKeys().size() || !field.equals(isKey ? ID_FIELD : nameOf(at))) return 0;
      boolean isAscending = isKey || getKeys().get(at).isAscending();
      int wanted = ((Number) order.get(field)).intValue() > 0 == isAscending ? 1 : -1;
      if (wanted == -direction) return 0;
      direction = wanted;
      at++;
    }
    return direction == 0 ? 1 : direction;
  }

  private Stream<Object> keysIn(Interval interval, boolean isBackwards) {
    if (compare(interval.low, interval.high) > 0) return Stream.empty();
    NavigableSet<Entry> within = entries.subSet(interval.low, true, interval.high, true);
    Stream<Entry> inOrder = (isBackwards ? within.descendingSet() : within).stream();
    return inOrder.map(entry -> entry.values[getKeys().size()]).distinct();
  }

  private int compare(Entry one, Entry other) {
    int both = Math.min(one.values.length, other.values.length);
    for (int at = 0; at < both; at++) {
      int order = ValueComparator.asc().compare(one.values[at], other.values[at]);
      if (order != 0) return at < getKeys().size() && !getKeys().get(at).isAscending() ? -order : order;
    }
    if (one.values.length == other.values.length) return Integer.compare(one.side, other.side);
    return one.values.length < other.values.length ? one.side : -other.side;
  }

  private static Object[] with(Object[] values, Object last) {
    Object[] all = Arrays.copyOf(values, values.length + 1);
    all[values.length] = last;
    return all;
  }

  private static Entry entryOf(KeyValue values, Object key) {
    return new Entry(with(values.stream().toArray(), key), 0);
  }

  /** From now on the index takes documents. Returns true the first time: the caller then adds those that exist. */
  boolean startBuilding() {
    if (isBuilt) return false;
    isBuilt = true;
    return true;
  }

  /** The index is given up at the first value that it cannot order, such as an object or an empty array. */
  @Override
  public void add(Document document, Object position, MongoCollection<Object> collection) {
    if (!isBuilt || !isUsable) return;
    Set<KeyValue> all = getKeyValues(document);
    Object key = document.get(ID_FIELD);
    Stream<Object> fields = all.stream().flatMap(KeyValue::stream);
    isUsable = key != null && !all.isEmpty() && fields.allMatch(one -> one instanceof Missing || isPlain(one));
    if (isUsable) all.forEach(values -> entries.add(entryOf(values, key)));
    else entries.clear();
    keys().stream().filter(name -> document.get(name) instanceof Collection).forEach(arrayFields::add);
  }

  @Override
  public Object remove(Document document) {
    if (isBuilt && isUsable) {
      getKeyValues(document).forEach(values -> entries.remove(entryOf(values, document.get(ID_FIELD))));
    }
    return null;
  }

  @Override
  public void updateInPlace(Document before, Document now, Object position, MongoCollection<Object> collection) {
    if (nullAwareEqualsKeys(before, now)) return;
    remove(before);
    add(now, position, collection);
  }

  /** Throws if two of the fields are arrays, as MongoDB does. */
  @Override
  public void checkAdd(Document document, MongoCollection<Object> collection) {
    getKeyValues(document);
  }

  @Override
  public void checkUpdate(Document before, Document now, MongoCollection<Object> collection) {
    getKeyValues(now);
  }

  /** Otherwise the server would fill the index itself, and read all documents once per index. */
  @Override
  public boolean isEmpty() {
    return false;
  }

  /** The server's own indexes know it. */
  @Override
  public Object getPosition(Document document) {
    return null;
  }

  /** {@link KeyedCollection} asks for a plan instead. */
  @Override
  public boolean canHandle(Document query) {
    return false;
  }

  @Override
  public Iterable<Object> getPositions(Document query) {
    throw new UnsupportedOperationException();
  }

  @Override
  public long getCount() {
    return entries.size();
  }

  @Override
  public long getDataSize() {
    return 0;
  }

  @Override
  public void drop() {}
}
