package io.github.connlimit.benchmarks;

/**
 * A figure to reach.
 *
 * @param bound the figure
 * @param atLeast whether it is a least; a most otherwise
 */
public record Target(double bound, boolean atLeast) {

    public static Target atLeast(double bound) {
        return new Target(bound, true);
    }

    public static Target atMost(double bound) {
        return new Target(bound, false);
    }

    public boolean reached(double figure) {
        return atLeast ? figure >= bound : figure <= bound;
    }

    /** As a cell of a table: the target and whether the figure reaches it. */
    public String verdict(double figure) {
        String sign = atLeast ? "≥ " : "≤ ";
        String text = bound == Math.rint(bound) ? Series.text(bound, 0) : Series.text(bound, 2);
        return sign + text + ": " + (reached(figure) ? "reached" : "**missed**");
    }
}
