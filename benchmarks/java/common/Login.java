import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

/** A login, read from its JSON and cleaned as the Python flow does it, by streaming parser. */
public final class Login {
  private static final JsonFactory JSON = new JsonFactory();
  private static final long LAST_SECOND = 253_402_300_799L; // 9999-12-31T23:59:59Z
  private static final long DAY_MS = 86_400_000L;
  private static final int LARGEST_FIELD = 1_024;

  public String userId;
  public String deviceId;
  public String deviceType;
  public String appVersion;
  public String versionCategory;
  public String locale;
  public String maskedIp;
  public long timestamp = -1;
  public List<String> quality = List.of();

  /** Returns the login in a record's value; null for what is none. */
  public static Login read(byte[] value, long recordTimestamp) {
    if (value == null) {
      return null;
    }
    Login login = new Login();
    String ip = null;
    try (JsonParser parser = JSON.createParser(value)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return null;
      }
      String name;
      while ((name = parser.nextFieldName()) != null) {
        JsonToken token = parser.nextToken();
        switch (name) {
          case "user_id" -> login.userId = text(parser, token);
          case "app_version" -> login.appVersion = text(parser, token);
          case "device_type" -> login.deviceType = text(parser, token);
          case "locale" -> login.locale = text(parser, token);
          case "device_id" -> login.deviceId = text(parser, token);
          case "ip" -> ip = text(parser, token);
          case "timestamp" ->
              login.timestamp =
                  token == JsonToken.VALUE_NUMBER_INT
                      ? parser.getLongValue()
                      : Long.parseLong(text(parser, token));
          default -> parser.skipChildren();
        }
      }
      boolean valid =
          !absent(login.userId)
              && login.timestamp >= 0
              && login.timestamp <= LAST_SECOND
              && login.timestamp * 1_000 <= recordTimestamp + DAY_MS;
      return valid ? login.clean(ip) : null;
    } catch (IOException | IllegalArgumentException error) {
      return null;
    }
  }

  private static String text(JsonParser parser, JsonToken token) throws IOException {
    if (token == JsonToken.VALUE_NULL) {
      return null;
    }
    if (token != JsonToken.VALUE_STRING) {
      throw new IllegalArgumentException("not a text");
    }
    String text = parser.getText();
    if (text.length() > LARGEST_FIELD) {
      throw new IllegalArgumentException("too large");
    }
    return text;
  }

  private static boolean absent(String text) {
    return text == null || text.isEmpty();
  }

  private Login clean(String ip) {
    maskedIp = absent(ip) ? null : Address.mask(ip);
    if (absent(appVersion)) {
      flag("missing_app_version");
      appVersion = "unknown";
      versionCategory = "unknown";
    } else {
      versionCategory = category(appVersion);
      if (versionCategory.equals("unknown")) {
        flag("invalid_app_version");
      }
    }
    if (absent(deviceId)) {
      flag("missing_device_id");
      deviceId = "unknown";
    }
    if (absent(deviceType)) {
      flag("missing_device_type");
      deviceType = "unknown";
    } else {
      deviceType = device(deviceType);
    }
    if (absent(ip)) {
      flag("missing_ip");
    }
    if (absent(locale)) {
      flag("missing_locale");
      locale = "unknown";
    }
    return this;
  }

  private String device(String text) {
    switch (text.strip().toLowerCase()) {
      case "android":
        return "android";
      case "ios":
        return "iOS";
      case "unknown":
        return "unknown";
      default:
        flag("unrecognised_device_type");
        return "unknown";
    }
  }

  private void flag(String name) {
    if (quality.isEmpty()) {
      quality = new ArrayList<>(1);
    }
    quality.add(name);
  }

  /** One to four groups of one to nine digits; only the first two count. */
  private static String category(String version) {
    int[] groups = new int[4];
    int group = 0;
    int digits = 0;
    for (int at = 0; at < version.length(); at++) {
      char c = version.charAt(at);
      if (c >= '0' && c <= '9' && digits < 9) {
        groups[group] = groups[group] * 10 + c - '0';
        digits++;
      } else if (c == '.' && digits > 0 && group < 3) {
        group++;
        digits = 0;
      } else {
        return "unknown";
      }
    }
    if (digits == 0) {
      return "unknown";
    }
    if (groups[0] < 2) {
      return "legacy";
    }
    return groups[0] == 2 && groups[1] < 3 ? "stable" : "current";
  }

  /** Returns the processed login as JSON. */
  public byte[] json() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      out.writeStartObject();
      out.writeStringField("user_id", userId);
      out.writeStringField("device_id", deviceId);
      out.writeStringField("device_type", deviceType);
      out.writeStringField("app_version", appVersion);
      out.writeStringField("version_category", versionCategory);
      out.writeStringField("locale", locale);
      out.writeStringField("masked_ip", maskedIp);
      out.writeNumberField("timestamp", timestamp);
      out.writeStringField("login_at", Times.second(timestamp));
      out.writeStringField("processed_at", Times.now());
      out.writeArrayFieldStart("quality");
      for (String one : quality) {
        out.writeString(one);
      }
      out.writeEndArray();
      out.writeEndObject();
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    return bytes.toByteArray();
  }

  /** Times as text; the last one of each kind is kept, since it is nearly always the same. */
  static final class Times {
    private static final ThreadLocal<Times> OF_THREAD = ThreadLocal.withInitial(Times::new);
    private long second = -1;
    private String secondText;
    private long now = -1;
    private String nowText;

    static String second(long timestamp) {
      Times times = OF_THREAD.get();
      if (times.second != timestamp) {
        times.second = timestamp;
        times.secondText = Instant.ofEpochSecond(timestamp).toString();
      }
      return times.secondText;
    }

    static String now() {
      Times times = OF_THREAD.get();
      long now = System.currentTimeMillis();
      if (times.now != now) {
        times.now = now;
        times.nowText = Instant.ofEpochMilli(now).truncatedTo(ChronoUnit.MILLIS).toString();
      }
      return times.nowText;
    }
  }
}
