package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static io.github.connlimit.Addresses.ipv4;
import static io.github.connlimit.Addresses.ipv6;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RuleTableTest {

    @Test
    void withoutRulesTheDefaultHoldsForBothFamilies() {
        ConnectionLimits limits = ConnectionLimits.builder().maxPerClient(7).build();
        for (String address : List.of("0.0.0.0", "255.255.255.255", "::", "::1", "ffff::", "::fffe:ffff:ffff")) {
            assertThat(limits.limitFor(ip(address))).isEqualTo(7);
        }
        assertThat(limits.clientOf(ip("10.0.0.1"))).hasToString("10.0.0.1/32");
        assertThat(limits.clientOf(ip("2001:db8::1"))).hasToString("2001:db8:0:0:0:0:0:0/64");
    }

    @ParameterizedTest
    @CsvSource({
        "9.255.255.255, 100", "10.0.0.0, 8", "10.0.255.255, 8", "10.1.0.0, 16", "10.1.1.255, 16", "10.1.2.0, 24",
        "10.1.2.2, 24", "10.1.2.3, 32", "10.1.2.4, 24", "10.1.3.0, 16", "10.2.0.0, 8", "10.255.255.255, 8",
        "11.0.0.0, 100", "::a01:203, 100",
    })
    void theLongestPrefixWins(String address, int limit) {
        ConnectionLimits limits = ConnectionLimits.builder()
                .rules("10.1.2.3=32, 10.0.0.0/8=8, 10.1.2.0/24=24, 10.1.0.0/16=16")
                .build();
        assertThat(limits.limitFor(ip(address))).isEqualTo(limit);
    }

    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, 1",
        "0.0.0.1, 100",
        "255.255.255.254, 100",
        "255.255.255.255, 2",
        "::, 3",
        "::1, 100",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe, 100",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 4",
        "::fffe:ffff:ffff, 5",
        "::fffe:ffff:fffe, 100",
        "::1:0:0:0, 6",
        "::1:0:0:1, 100",
    })
    void blocksAtTheEndsOfTheAddressSpaces(String address, int limit) {
        ConnectionLimits limits = ConnectionLimits.builder()
                .limit("0.0.0.0", 1)
                .limit("255.255.255.255", 2)
                .limit("::", 3)
                .limit("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 4)
                .limit("::fffe:ffff:ffff", 5)
                .limit("::1:0:0:0", 6)
                .build();
        assertThat(limits.limitFor(ip(address))).isEqualTo(limit);
    }

    @ParameterizedTest
    @CsvSource({"0.0.0.0/0, 4, 100", "::/0, 100, 4"})
    void theWholeOfOneFamilyLeavesTheOtherAlone(String block, int ipv4Limit, int ipv6Limit) {
        ConnectionLimits limits = ConnectionLimits.builder().limit(block, 4).build();
        for (String address : List.of("0.0.0.0", "10.0.0.1", "255.255.255.255")) {
            assertThat(limits.limitFor(ip(address))).isEqualTo(ipv4Limit);
        }
        for (String address : List.of("::", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::1", "ffff::")) {
            assertThat(limits.limitFor(ip(address))).isEqualTo(ipv6Limit);
        }
    }

    @Test
    void bothFamiliesAsAWholeAndRulesInside() {
        ConnectionLimits limits = ConnectionLimits.builder()
                .rules("::/0=6, 0.0.0.0/0=4, 10.0.0.0/8=8, ::/1=1, ::fffe:0:0/95=95, ::/96=96")
                .build();
        assertThat(limits.limitFor(ip("10.0.0.1"))).isEqualTo(8);
        assertThat(limits.limitFor(ip("11.0.0.1"))).isEqualTo(4);
        assertThat(limits.limitFor(ip("255.255.255.255"))).isEqualTo(4);
        assertThat(limits.limitFor(ip("::1"))).isEqualTo(96);
        assertThat(limits.limitFor(ip("::fffd:0:0"))).isEqualTo(1);
        assertThat(limits.limitFor(ip("::fffe:0:0"))).isEqualTo(95);
        assertThat(limits.limitFor(ip("::1:0:0:0"))).isEqualTo(1);
        assertThat(limits.limitFor(ip("8000::"))).isEqualTo(6);
    }

    @Test
    void twoHalvesCoverTheWhole() {
        ConnectionLimits limits =
                ConnectionLimits.builder().rules("0.0.0.0/1=1, 128.0.0.0/1=2").build();
        assertThat(limits.limitFor(ip("127.255.255.255"))).isEqualTo(1);
        assertThat(limits.limitFor(ip("128.0.0.0"))).isEqualTo(2);
        assertThat(limits.limitFor(ip("255.255.255.255"))).isEqualTo(2);
        assertThat(limits.limitFor(ip("::1:0:0:0"))).isEqualTo(100);
    }

    @ParameterizedTest
    @CsvSource({
        "2001:db8::1, 2001:db8:0:0:0:0:0:0/64",
        "2001:db8::2, 2001:db8:0:0:0:0:0:2/128",
        "2001:db8::3, 2001:db8:0:0:0:0:0:0/64",
        "2001:db8:0:1::1, 2001:db8:0:1:0:0:0:0/64",
        "10.1.1.1, 10.1.1.0/24",
        "10.1.1.2, 10.1.1.2/32",
        "10.1.1.128, 10.1.1.128/25",
        "10.1.1.255, 10.1.1.128/25",
        "10.2.3.4, 10.2.3.0/24",
    })
    void aRuleForLessThanAClientMakesAClientOfItsOwn(String address, String client) {
        ConnectionLimits limits = ConnectionLimits.builder()
                .ipv4Prefix(24)
                .rules("2001:db8::2=2, 2001:db8:0:1::/64=3, 10.1.1.2=4, 10.1.1.128/25=5, 10.2.0.0/16=6")
                .build();
        assertThat(limits.clientOf(ip(address))).hasToString(client);
    }

    @Test
    void clientsAsLargeAsTheirFamily() {
        ConnectionLimits limits =
                ConnectionLimits.builder().ipv4Prefix(0).ipv6Prefix(0).build();
        assertThat(limits.clientOf(ip("10.1.1.1"))).hasToString("0.0.0.0/0");
        assertThat(limits.clientOf(ip("2001:db8::1"))).hasToString("0:0:0:0:0:0:0:0/0");
    }

    @Test
    void clientsAsSmallAsAnAddress() {
        ConnectionLimits limits =
                ConnectionLimits.builder().ipv4Prefix(32).ipv6Prefix(128).build();
        assertThat(limits.clientOf(ip("10.1.1.1"))).hasToString("10.1.1.1/32");
        assertThat(limits.clientOf(ip("2001:db8::1"))).hasToString("2001:db8:0:0:0:0:0:1/128");
    }

    /** The longest rule that all of a client is in, not the one that its first address is in. */
    @ParameterizedTest
    @CsvSource({
        "2001:db8::/64, 32", // its first address is a client of its own
        "2001:db8::/65, 32",
        "2001:db8::/127, 32",
        "2001:db8::/128, 128",
        "2001:db8:0:1::/64, 64",
        "2001:db8::/31, 100",
        "2001:db8::/32, 32",
        "::/0, 100",
        "10.0.0.0/24, 16",
        "10.0.0.0/30, 30",
        "10.0.0.0/31, 30",
        "10.0.0.0/32, 5",
        "10.0.0.0/15, 100",
        "0.0.0.0/0, 100",
    })
    void theLimitOfAClient(String client, int limit) {
        ConnectionLimits limits = ConnectionLimits.builder()
                .rules("2001:db8::/32=32, 2001:db8::=128, 2001:db8:0:1::/64=64, 10.0.0.0/16=16, 10.0.0.0/30=30,"
                        + " 10.0.0.0=5, 0.0.0.0=1, ::=1")
                .build();
        Cidr block = Cidr.parse(client);
        assertThat(limits.table().limit(new Client(block.first(), block.prefix())))
                .isEqualTo(limit);
    }

    /** 10,000 rules that nest a lot against a search through all of them, at random addresses and at every boundary. */
    @Test
    void agreesWithALinearSearch() {
        Random random = new Random(20260101);
        Map<Cidr, Integer> rules = new LinkedHashMap<>();
        rules.put(Cidr.parse("0.0.0.0/0"), 1_000_001);
        rules.put(Cidr.parse("::/1"), 1_000_002);
        rules.put(Cidr.parse("255.255.255.255"), 1_000_003);
        rules.put(Cidr.parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1_000_004);
        while (rules.size() < 10_000) {
            boolean ipv4 = random.nextBoolean();
            Cidr block = Cidr.of(randomAddress(random, ipv4), random.nextInt((ipv4 ? 32 : 128) + 1));
            rules.putIfAbsent(block, rules.size());
        }
        ConnectionLimits.Builder builder = ConnectionLimits.builder().ipv4Prefix(24);
        rules.forEach((block, limit) -> builder.limit(block.toString(), limit));
        ConnectionLimits limits = builder.build();
        LinearSearch model = new LinearSearch(rules, 100, 24, 64);

        List<InetAddress> addresses = new ArrayList<>();
        for (Cidr block : rules.keySet()) {
            for (IpAddress edge : List.of(block.first(), block.last())) {
                addresses.add(edge.toInetAddress());
                addresses.add(new IpAddress(edge.high() - (edge.low() == 0 ? 1 : 0), edge.low() - 1).toInetAddress());
                addresses.add(new IpAddress(edge.high() + (edge.low() == -1 ? 1 : 0), edge.low() + 1).toInetAddress());
            }
        }
        while (addresses.size() < 100_000) {
            addresses.add(
                    random.nextInt(4) == 0
                            ? random.nextBoolean() ? ipv4(random.nextInt()) : ipv6(random.nextLong(), random.nextLong())
                            : randomAddress(random, random.nextBoolean()));
        }
        for (InetAddress address : addresses) {
            Map.Entry<Integer, Integer> expected = model.find(address);
            if (limits.limitFor(address) != expected.getKey()
                    || limits.clientOf(address).prefixLength() != expected.getValue()) {
                assertThat(limits.limitFor(address)).as("%s", address).isEqualTo(expected.getKey());
                assertThat(limits.clientOf(address)).as("%s", address).isEqualTo(Cidr.of(address, expected.getValue()));
            }
        }
    }

    /** Few different values for each part, so that blocks share long prefixes. */
    private static InetAddress randomAddress(Random random, boolean ipv4) {
        if (ipv4) {
            return ipv4(randomPart(random) << 24
                    | randomPart(random) << 16
                    | randomPart(random) << 8
                    | random.nextInt(256));
        }
        long high = 0x2001_0db8L << 32 | (long) randomPart(random) << 16 | randomPart(random);
        return ipv6(random.nextInt(8) == 0 ? 0 : high, (long) randomPart(random) << 56 | random.nextInt(1024));
    }

    private static int randomPart(Random random) {
        int[] parts = {0, 1, 10, 127, 128, 255};
        return parts[random.nextInt(parts.length)];
    }

    /** What the table is to find, told in the plainest way: all rules of a family, the longest prefix first. */
    private static final class LinearSearch {

        private final int limit;
        private final int ipv4Prefix;
        private final int ipv6Prefix;
        private final long[][] ipv4;
        private final long[][] ipv6;

        LinearSearch(Map<Cidr, Integer> rules, int limit, int ipv4Prefix, int ipv6Prefix) {
            this.limit = limit;
            this.ipv4Prefix = ipv4Prefix;
            this.ipv6Prefix = ipv6Prefix;
            this.ipv4 = family(rules, true);
            this.ipv6 = family(rules, false);
        }

        private static long[][] family(Map<Cidr, Integer> rules, boolean ipv4) {
            return rules.entrySet().stream()
                    .filter(rule -> (rule.getKey().address().getAddress().length == 4) == ipv4)
                    .sorted(Comparator.comparingInt(rule -> -rule.getKey().prefixLength()))
                    .map(rule -> {
                        long[] bits = bits(rule.getKey().address());
                        int length = rule.getKey().prefixLength();
                        long highMask = length == 0 ? 0 : -1L << Math.max(0, 64 - length);
                        long lowMask = length <= 64 ? 0 : -1L << (128 - length);
                        return new long[] {bits[0], highMask, bits[1], lowMask, length, rule.getValue()};
                    })
                    .toArray(long[][]::new);
        }

        /** The limit, and the prefix length of the client. */
        Map.Entry<Integer, Integer> find(InetAddress address) {
            boolean isIpv4 = address.getAddress().length == 4;
            int prefix = isIpv4 ? ipv4Prefix : ipv6Prefix;
            long[] bits = bits(address);
            for (long[] rule : isIpv4 ? ipv4 : ipv6) {
                if ((bits[0] & rule[1]) == rule[0] && (bits[1] & rule[3]) == rule[2]) {
                    return Map.entry((int) rule[5], Math.max(prefix, (int) rule[4]));
                }
            }
            return Map.entry(limit, prefix);
        }

        /** The bits of the address, from the highest one on. */
        private static long[] bits(InetAddress address) {
            ByteBuffer padded =
                    ByteBuffer.allocate(16).put(address.getAddress()).rewind();
            return new long[] {padded.getLong(), padded.getLong()};
        }
    }
}
