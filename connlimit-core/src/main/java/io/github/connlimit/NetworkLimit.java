package io.github.connlimit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How many connections all clients of one network may have together.
 *
 * @param ipv4 whether it is for networks of IPv4, and not of IPv6
 * @param length how many leading bits of an address tell one network from another
 * @param limit 1 or more
 */
record NetworkLimit(boolean ipv4, int length, int limit) {

    /** As many as there may be, as their text. */
    record All(List<NetworkLimit> limits) {

        static final All NONE = new All(List.of());

        static final String ALLOWED =
                "lengths with their limits as in \"ipv4/24=400, ipv6/48=800\", each length once, from 1"
                        + " to 31 or 127, each limit 1 or more";

        private static final Pattern TEXT =
                Pattern.compile("\\s*ipv(?<family>[46])/(?<length>[0-9]{1,3})\\s*=\\s*(?<limit>[0-9]{1,10})\\s*");

        /** @return {@code null} if the text cannot be read, or a number is out of range */
        static All parse(String text) {
            if (text.isBlank()) {
                return NONE;
            }
            List<NetworkLimit> limits = new ArrayList<>();
            for (String part : text.split(",", -1)) {
                Matcher matcher = TEXT.matcher(part);
                if (!matcher.matches()) {
                    return null;
                }
                boolean ipv4 = matcher.group("family").equals("4");
                int length = Integer.parseInt(matcher.group("length"));
                long limit = Long.parseLong(matcher.group("limit"));
                boolean inRange =
                        length >= 1 && length <= (ipv4 ? 31 : 127) && limit >= 1 && limit <= Integer.MAX_VALUE;
                if (!inRange || limits.stream().anyMatch(other -> other.ipv4 == ipv4 && other.length == length)) {
                    return null;
                }
                limits.add(new NetworkLimit(ipv4, length, (int) limit));
            }
            limits.sort(
                    Comparator.comparing((NetworkLimit limit) -> !limit.ipv4).thenComparing(limit -> limit.length));
            return new All(List.copyOf(limits));
        }

        /** The text that {@link #parse} reads as these limits. */
        @Override
        public String toString() {
            return limits.stream().map(NetworkLimit::toString).collect(Collectors.joining(", "));
        }
    }

    /** How many of the 128 bits of an address tell one network from another. */
    int prefix() {
        return ipv4 ? length + IpAddress.IPV4_OFFSET : length;
    }

    String network() {
        return (ipv4 ? "ipv4/" : "ipv6/") + length;
    }

    @Override
    public String toString() {
        return network() + "=" + limit;
    }
}
