package live.translation;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.apache.beam.sdk.io.FileSystem;
import org.apache.beam.sdk.io.FileSystemRegistrar;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Unpacks the Python that a job's jar brings, where the job's PROCESS environment starts it.
 *
 * <p>Some clusters let nothing be installed on their TaskManagers. Of all code that comes in the jar,
 * Beam's operators call this first, before they ask for a Python worker: they look for file systems.
 * It has none to offer. Jars without a Python (see deployment/bundled_python.py) are left alone.
 */
public final class BroughtPython implements FileSystemRegistrar {
  private static final String ARCHIVE = "/brought-python/python.zip";
  private static final String PLACE = "/brought-python/place";
  private static boolean isUnpacked;

  @Override
  public Iterable<FileSystem<?>> fromOptions(PipelineOptions options) {
    unpack();
    return List.of();
  }

  private static synchronized void unpack() {
    if (isUnpacked) {
      return;
    }
    try (InputStream place = BroughtPython.class.getResourceAsStream(PLACE)) {
      if (place != null) {
        String path = new String(place.readAllBytes(), StandardCharsets.UTF_8).strip();
        unpackTo(Path.of(path));
      }
    } catch (IOException error) {
      throw new UncheckedIOException("the job's Python could not be unpacked", error);
    }
    isUnpacked = true;
  }

  /** Other TaskManagers of this host may do the same now: whoever is done first is right. */
  static void unpackTo(Path directory) throws IOException {
    if (isThere(directory)) {
      return;
    }
    Path parent = Files.createDirectories(directory.toAbsolutePath().getParent());
    Path unfinished =
        Files.createTempDirectory(
            parent,
            directory.getFileName() + ".",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    try (InputStream archive = BroughtPython.class.getResourceAsStream(ARCHIVE)) {
      if (archive == null) {
        throw new IOException(ARCHIVE + " is not in the jar");
      }
      extract(archive, unfinished);
      Files.move(unfinished, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException taken) {
      isThere(directory);
    } finally {
      delete(unfinished);
    }
  }

  /** A directory of that name that somebody else has put there is not run. */
  private static boolean isThere(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    String owner = Files.getOwner(directory).getName();
    if (!owner.equals(System.getProperty("user.name"))) {
      throw new IOException(directory + " belongs to " + owner);
    }
    return true;
  }

  private static void extract(InputStream archive, Path directory) throws IOException {
    try (ZipInputStream entries = new ZipInputStream(archive)) {
      for (ZipEntry entry = entries.getNextEntry();
          entry != null;
          entry = entries.getNextEntry()) {
        Path file = directory.resolve(entry.getName()).normalize();
        if (!file.startsWith(directory)) {
          throw new IOException(entry.getName() + " leads out of the archive");
        }
        if (entry.isDirectory()) {
          Files.createDirectories(file);
          continue;
        }
        Files.createDirectories(file.getParent());
        Files.copy(entries, file);
        // A stream of a zip does not tell modes. Programs stand at the top and in bin/.
        Path above = file.getParent();
        if (above.equals(directory) || above.equals(directory.resolve("bin"))) {
          Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        }
      }
    }
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
        Files.delete(file);
      }
    }
  }
}
