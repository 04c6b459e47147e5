package io.github.connlimit;

import java.net.InetAddress;

/**
 * Reads the address of a client as proxies write it: {@code 198.51.100.7}, {@code 198.51.100.7:51234},
 * {@code 2001:db8::1}, {@code [2001:db8::1]}, {@code [2001:db8::1]:443}, each also in double quotes, IPv6 also with a zone
 * id. The port may be an obfuscated one ({@code _port}, RFC 7239). Only literals are read; a name is never resolved.
 */
final class ForwardedAddress {

    private static final int MAX_PORT_DIGITS = 5;

    private ForwardedAddress() {}

    /** {@return the address, or {@code null} if the text names none, such as {@code unknown} or {@code _hidden}} */
    static InetAddress parse(String text) {
        String node = unquoted(text.trim());
        if (node.startsWith("[")) {
            int end = node.indexOf(']');
            return end > 0 && isNothingOrPort(node, end + 1) ? ipv6(node.substring(1, end)) : null;
        }
        int colon = node.indexOf(':');
        if (colon < 0) {
            return ipv4(node);
        }
        boolean one = node.indexOf(':', colon + 1) < 0;
        if (one) {
            return isNothingOrPort(node, colon) ? ipv4(node.substring(0, colon)) : null;
        }
        return ipv6(node);
    }

    private static String unquoted(String text) {
        boolean quoted = text.length() > 1 && text.startsWith("\"") && text.endsWith("\"");
        return quoted ? text.substring(1, text.length() - 1).trim() : text;
    }

    private static boolean isNothingOrPort(String node, int from) {
        if (from == node.length()) {
            return true;
        }
        String port = node.substring(from + 1);
        return node.charAt(from) == ':' && (isNumber(port) || isObfuscated(port));
    }

    private static boolean isNumber(String port) {
        return !port.isEmpty()
                && port.length() <= MAX_PORT_DIGITS
                && port.chars().allMatch(digit -> digit >= '0' && digit <= '9');
    }

    private static boolean isObfuscated(String port) {
        return port.length() > 1
                && port.charAt(0) == '_'
                && port.chars().allMatch(c -> c < 0x80 && Character.isLetterOrDigit(c) || "._-".indexOf(c) >= 0);
    }

    private static InetAddress ipv4(String literal) {
        return literal.indexOf(':') < 0 ? address(literal) : null;
    }

    private static InetAddress ipv6(String literal) {
        int zone = literal.indexOf('%');
        String address = zone < 0 ? literal : literal.substring(0, zone);
        return address.indexOf(':') < 0 ? null : address(address);
    }

    private static InetAddress address(String literal) {
        IpAddress ip = Cidr.parseLiteral(literal);
        return ip == null ? null : ip.toInetAddress();
    }
}
