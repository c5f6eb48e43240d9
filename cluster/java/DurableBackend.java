import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVStore;

/**
 * A database file that keeps what was acknowledged when the process is killed, which the backend alone does not: it
 * writes once a second. Here an answer leaves only after its changes were handed to the operating system (not fsynced:
 * a power cut is another matter). Commands run side by side, a commit runs alone, so the file never holds half a
 * command; commands that wait for a commit share it.
 */
final class DurableBackend extends H2Backend {
  private static final int CACHE_MEGABYTES = 16;
  /** Old versions of pages are free for reuse after this; the file would grow for ever otherwise. */
  private static final int RETENTION_MS = 0;

  private final ReadWriteLock commands = new ReentrantReadWriteLock(true);

  DurableBackend(String file) {
    super(new MVStore.Builder().fileName(file).cacheSize(CACHE_MEGABYTES).autoCommitDisabled().open());
    getMvStore().setRetentionTime(RETENTION_MS);
  }

  @Override
  public Document handleCommand(Channel channel, String database, String command, Document query) {
    commands.readLock().lock();
    try {
      return super.handleCommand(channel, database, command, query);
    } finally {
      commands.readLock().unlock();
      if (getMvStore().hasUnsavedChanges()) save();
    }
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
