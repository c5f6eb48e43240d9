import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/**
 * A database file that keeps what was acknowledged when the process is killed, which the backend alone does not: it
 * writes once a second. Here a response is sent only after its changes were handed to the operating system (not fsynced:
 * a power cut is another matter). Commands run side by side, a commit runs alone, so the file never holds half a
 * command; commands that wait for a commit share it.
 */
final class DurableBackend extends H2Backend {
  private static final int CACHE_MEGABYTES = 16;
  /** Every commit leaves a few live pages in a chunk of its own; without this the file would grow for ever. */
  private static final int TIDY_EVERY_MS = 500;

  private static final int TIDY_FILL_PERCENT = 60;
  private static final int TIDY_BYTES = 8 << 20;

  private final ReadWriteLock commands = new ReentrantReadWriteLock(true);

  DurableBackend(String file) {
    super(open(file));
    getMvStore().setRetentionTime(0);
    Executors.newSingleThreadScheduledExecutor(DurableBackend::daemon)
        .scheduleWithFixedDelay(this::tidy, TIDY_EVERY_MS, TIDY_EVERY_MS, TimeUnit.MILLISECONDS);
  }

  /** Nothing is written but by our own commits. */
  private static MVStore open(String file) {
    MVStore.Builder builder = new MVStore.Builder().fileName(file).cacheSize(CACHE_MEGABYTES);
    return builder.autoCommitDisabled().autoCommitBufferSize(0).open();
  }

  @Override
  public Document handleCommand(Channel channel, String database, String command, Document query) {
    commands.readLock().lock();
    try {
      return super.handleCommand(channel, database, command, query);
    } finally {
      // Asked before the lock is given back: during another command's commit the store says that all is saved.
      boolean isUnsaved = getMvStore().hasUnsavedChanges();
      commands.readLock().unlock();
      if (isUnsaved) save();
    }
  }

  @Override
  protected MongoDatabase openOrCreateDatabase(String databaseName) {
    MVStore store = getMvStore();
    CursorRegistry cursors = getCursorRegistry();
    return new H2Database(databaseName, store, cursors) {
      @Override
      protected MongoCollection<Object> openOrCreateCollection(String name, CollectionOptions options) {
        String path = databaseName + "." + name;
        MVMap.Builder<Object, Document> builder = new MVMap.Builder<>();
        MVMap<Object, Document> documents = store.openMap("databases." + path, builder.valueType(new DocumentType()));
        return new KeyedCollection(this, name, options, documents, store.openMap("meta." + path), cursors);
      }

      /** A map that is already open keeps its types, so it is opened here first. */
      @Override
      protected Index<Object> openOrCreateUniqueIndex(
          String collection, String index, List<IndexKey> keys, boolean isSparse) {
        MVMap.Builder<KeyValue, Object> builder = new MVMap.Builder<>();
        store.openMap(getFullCollectionNamespace(collection) + "._index_" + index, builder.keyType(new KeyType()));
        return super.openOrCreateUniqueIndex(collection, index, keys, isSparse);
      }

      @Override
      protected Index<Object> openOrCreateSecondaryIndex(
          String collection, String index, List<IndexKey> keys, boolean isSparse) {
        return new SecondaryIndex(index, keys);
      }
    };
  }

  private void tidy() {
    commands.writeLock().lock();
    try {
      if (!getMvStore().isClosed()) getMvStore().compact(TIDY_FILL_PERCENT, TIDY_BYTES);
    } finally {
      commands.writeLock().unlock();
    }
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "tidy");
    thread.setDaemon(true);
    return thread;
  }

  private void save() {
    commands.writeLock().lock();
    try {
      getMvStore().commit();
    } finally {
      commands.writeLock().unlock();
    }
  }
}
