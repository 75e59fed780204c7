import java.net.InetAddress;
import java.net.UnknownHostException;

/** IPv4 addresses masked to /24, IPv6 to /48, IPv4-mapped and 6to4 ones as the IPv4 in them. */
final class Address {
  private Address() {}

  static String mask(String text) {
    return text.indexOf(':') < 0 ? mask4(text) : mask6(text);
  }

  private static String mask4(String text) {
    int groups = 0;
    int value = -1;
    int start = 0;
    int lastDot = -1;
    for (int at = 0; at <= text.length(); at++) {
      char c = at < text.length() ? text.charAt(at) : '.';
      if (c >= '0' && c <= '9') {
        value = Math.max(value, 0) * 10 + c - '0';
        if (value > 255 || (at > start && text.charAt(start) == '0')) {
          throw new IllegalArgumentException("no address");
        }
      } else if (c == '.' && value >= 0) {
        groups++;
        value = -1;
        start = at + 1;
        lastDot = at < text.length() ? at : lastDot;
      } else {
        throw new IllegalArgumentException("no address");
      }
    }
    if (groups != 4) {
      throw new IllegalArgumentException("no address");
    }
    return text.substring(0, lastDot) + ".0";
  }

  private static String mask6(String text) {
    if (text.indexOf('%') >= 0 || text.indexOf('[') >= 0) {
      throw new IllegalArgumentException("no address");
    }
    byte[] bytes;
    try {
      bytes = InetAddress.getByName(text).getAddress(); // a literal: nothing is looked up
    } catch (UnknownHostException error) {
      throw new IllegalArgumentException("no address");
    }
    if (bytes.length == 4) {
      return ipv4(bytes, 0);
    }
    int[] groups = {group(bytes, 0), group(bytes, 2), group(bytes, 4)};
    return groups[0] == 0x2002 ? ipv4(bytes, 2) : ipv6(groups);
  }

  private static int group(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
  }

  private static String ipv4(byte[] bytes, int at) {
    return (bytes[at] & 0xff) + "." + (bytes[at + 1] & 0xff) + "." + (bytes[at + 2] & 0xff) + ".0";
  }

  /** As RFC 5952 writes it: the zeros behind are the longest run. */
  private static String ipv6(int[] groups) {
    int last = 2;
    while (last >= 0 && groups[last] == 0) {
      last--;
    }
    StringBuilder text = new StringBuilder();
    for (int at = 0; at <= last; at++) {
      text.append(Integer.toHexString(groups[at])).append(at < last ? ":" : "");
    }
    return text.append("::").toString();
  }
}
