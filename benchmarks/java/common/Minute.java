import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.datasketches.hll.HllSketch;
import org.apache.datasketches.hll.TgtHllType;
import org.apache.datasketches.hll.Union;

/** What the logins of a window add up to. */
public final class Minute {
  public static final long SECONDS = 60;
  private static final JsonFactory JSON = new JsonFactory();
  private static final int LG_K = 14;

  public long logins;
  private HllSketch users = new HllSketch(LG_K, TgtHllType.HLL_8);
  private final Map<String, long[]> deviceTypes = new HashMap<>();
  private final Map<String, long[]> versionCategories = new HashMap<>();
  private final Map<String, long[]> locales = new HashMap<>();

  public static long start(long timestamp) {
    return timestamp - timestamp % SECONDS;
  }

  public void add(Login login) {
    logins++;
    users.update(login.userId);
    count(deviceTypes, login.deviceType, 1);
    count(versionCategories, login.versionCategory, 1);
    count(locales, login.locale, 1);
  }

  public void merge(Minute other) {
    logins += other.logins;
    Union union = new Union(LG_K);
    union.update(users);
    union.update(other.users);
    users = union.getResult(TgtHllType.HLL_8);
    other.deviceTypes.forEach((value, times) -> count(deviceTypes, value, times[0]));
    other.versionCategories.forEach((value, times) -> count(versionCategories, value, times[0]));
    other.locales.forEach((value, times) -> count(locales, value, times[0]));
  }

  private static void count(Map<String, long[]> counts, String value, long times) {
    counts.computeIfAbsent(value, any -> new long[1])[0] += times;
  }

  public byte[] bytes() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeLong(logins);
      byte[] sketch = users.toCompactByteArray();
      out.writeInt(sketch.length);
      out.write(sketch);
      write(out, deviceTypes);
      write(out, versionCategories);
      write(out, locales);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    return bytes.toByteArray();
  }

  public static Minute of(byte[] bytes) {
    Minute minute = new Minute();
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      minute.logins = in.readLong();
      minute.users = HllSketch.heapify(in.readNBytes(in.readInt()));
      read(in, minute.deviceTypes);
      read(in, minute.versionCategories);
      read(in, minute.locales);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    return minute;
  }

  private static void write(DataOutputStream out, Map<String, long[]> counts) throws IOException {
    out.writeInt(counts.size());
    for (Map.Entry<String, long[]> entry : counts.entrySet()) {
      out.writeUTF(entry.getKey());
      out.writeLong(entry.getValue()[0]);
    }
  }

  private static void read(DataInputStream in, Map<String, long[]> counts) throws IOException {
    for (int left = in.readInt(); left > 0; left--) {
      String value = in.readUTF();
      count(counts, value, in.readLong());
    }
  }

  /** The key of the window's record. */
  public static byte[] key(long start) {
    return Login.Times.second(start).getBytes();
  }

  /** The value of the window's record. */
  public byte[] json(long start) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      out.writeStartObject();
      out.writeStringField("window_start", Login.Times.second(start));
      out.writeNumberField("logins", logins);
      out.writeNumberField("unique_users", Math.round(users.getEstimate()));
      json(out, "device_types", deviceTypes);
      json(out, "version_categories", versionCategories);
      json(out, "locales", locales);
      out.writeEndObject();
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    return bytes.toByteArray();
  }

  private static void json(JsonGenerator out, String name, Map<String, long[]> counts)
      throws IOException {
    out.writeObjectFieldStart(name);
    for (Map.Entry<String, long[]> entry : counts.entrySet()) {
      out.writeNumberField(entry.getKey(), entry.getValue()[0]);
    }
    out.writeEndObject();
  }
}
