package io.github.connlimit;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Which limit and which prefix length hold for an address: the rules, laid out as adjoining ranges of the address space
 * so that the longest matching prefix is found by one binary search, however many rules there are; for IPv4 only among
 * the ranges of one slice of its address space. This class is immutable.
 */
final class RuleTable {

    private static final int MOST_SLICE_BITS = 16;

    private final long[] high;
    private final long[] low;
    private final Range[] ranges;

    /** The range that the first address of each slice of IPv4 is in, and the one that all of them end before. */
    private final int[] slices;

    /** By how much an IPv4 address is shifted to give its slice. */
    private final int sliceShift;

    /**
     * @param limit for addresses that no rule names
     * @param rate for addresses that no rule gives one of their own
     * @param ipv4Prefix how many of the 128 bits tell one IPv4 client from another
     * @param ipv6Prefix how many of the 128 bits tell one IPv6 client from another
     */
    RuleTable(Map<Cidr, Rules.Rule> rules, int limit, Rate rate, int ipv4Prefix, int ipv6Prefix) {
        Rules.Rule ofAll = new Rules.Rule(limit, rate);
        TreeMap<IpAddress, Range> ranges = new TreeMap<>();
        ranges.put(IpAddress.FIRST, Range.of(ofAll, false, ipv6Prefix, 0, null));
        // Blocks nest or are disjoint: laid down from the largest to the smallest, each one overwrites a part of
        // exactly one range, and what was there goes on behind it. Of equal size, IPv4 as a whole comes first.
        List<Map.Entry<Cidr, Rules.Rule>> largestFirst = rules.entrySet().stream()
                .sorted(Comparator.comparingInt(rule -> rule.getKey().prefix()))
                .toList();
        boolean ipv4Laid = false;
        for (Map.Entry<Cidr, Rules.Rule> entry : largestFirst) {
            Cidr block = entry.getKey();
            Rules.Rule rule = entry.getValue();
            if (!ipv4Laid && block.prefix() >= IpAddress.IPV4_OFFSET) {
                lay(ranges, ipv4(), ofAll, false, ipv4Prefix);
                ipv4Laid = true;
            }
            int clientPrefix = block.isIpv4() ? ipv4Prefix : ipv6Prefix;
            // A rule for less than one client makes its block a client of its own.
            int prefix = Math.max(clientPrefix, block.prefix());
            lay(ranges, block, rule.rate() == null ? new Rules.Rule(rule.limit(), rate) : rule, rule.exempts(), prefix);
        }
        if (!ipv4Laid) {
            lay(ranges, ipv4(), ofAll, false, ipv4Prefix);
        }
        high = ranges.keySet().stream().mapToLong(IpAddress::high).toArray();
        low = ranges.keySet().stream().mapToLong(IpAddress::low).toArray();
        this.ranges = ranges.values().toArray(new Range[0]);
        // About as many slices as ranges.
        int bits = Math.min(MOST_SLICE_BITS, Integer.SIZE - Integer.numberOfLeadingZeros(this.ranges.length));
        sliceShift = Integer.SIZE - bits;
        slices = new int[(1 << bits) + 1];
        for (int i = 0; i < slices.length; i++) {
            slices[i] = search(0, IpAddress.FIRST_IPV4.low() + ((long) i << sliceShift), 0, this.ranges.length - 1);
        }
    }

    private static Cidr ipv4() {
        return new Cidr(IpAddress.FIRST_IPV4, IpAddress.IPV4_OFFSET);
    }

    private static void lay(
            TreeMap<IpAddress, Range> ranges, Cidr block, Rules.Rule rule, boolean exempt, int clientPrefix) {
        Range around = ranges.floorEntry(block.last()).getValue();
        IpAddress next = block.last().next();
        if (next != null) {
            ranges.putIfAbsent(next, around);
        }
        ranges.put(block.first(), Range.of(rule, exempt, clientPrefix, block.prefix(), around));
    }

    /** What holds for the address of these two halves. */
    Range find(long high, long low) {
        if (high == 0 && low >>> Integer.SIZE == 0xffff) {
            int slice = (int) low >>> sliceShift;
            return ranges[search(high, low, slices[slice], slices[slice + 1])];
        }
        return ranges[search(high, low, 0, ranges.length - 1)];
    }

    /** Which of these ranges the address is in. */
    private int search(long high, long low, int first, int last) {
        int from = first;
        int to = last;
        while (from < to) {
            int middle = (from + to + 1) >>> 1;
            int order = Long.compareUnsigned(this.high[middle], high);
            if (order < 0 || order == 0 && Long.compareUnsigned(this.low[middle], low) <= 0) {
                from = middle;
            } else {
                to = middle - 1;
            }
        }
        return from;
    }

    /**
     * The limit of a client, by the longest rule that all of it is in. A longer rule that its first address happens to
     * be in holds for another client.
     */
    int limit(Client client) {
        IpAddress first = client.first();
        Range range = find(first.high(), first.low());
        while (range.length > client.prefix()) {
            range = range.around;
        }
        return range.limit;
    }

    /**
     * What holds in the block of one rule.
     *
     * @param limit for each of its clients; 0 means any number
     * @param rate of each of its clients; {@code null} means any
     * @param exempt whether a rule says so, and not just the limit of all
     * @param prefix how many bits tell its clients apart
     * @param length how many bits its addresses have in common
     * @param around the block it lies in, {@code null} for the one that holds all addresses
     */
    record Range(int limit, Rate rate, boolean exempt, int prefix, int length, Range around) {

        private static Range of(Rules.Rule rule, boolean exempt, int prefix, int length, Range around) {
            Rate rate = exempt || rule.rate().isUnlimited() ? null : rule.rate();
            return new Range(rule.limit(), rate, exempt, prefix, length, around);
        }
    }

    /** Whether any client has a rate. */
    boolean hasRates() {
        return Stream.of(ranges).anyMatch(range -> range.rate != null);
    }
}
