package io.github.connlimit.benchmarks;

import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * The figures of one thing in each round, in the order of the rounds. This class is immutable.
 *
 * @param values at least one
 */
public record Series(double... values) {

    public Series {
        if (values.length == 0) {
            throw new IllegalArgumentException("a series without values");
        }
        values = values.clone();
    }

    public static Series of(Collection<Double> values) {
        return new Series(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    @Override
    public double[] values() {
        return values.clone();
    }

    public double median() {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    public double min() {
        return Arrays.stream(values).min().orElseThrow();
    }

    public double max() {
        return Arrays.stream(values).max().orElseThrow();
    }

    /** This divided by that, round by round: what the machine did to both in one round cancels out. */
    public Series over(Series that) {
        if (values.length != that.values.length) {
            throw new IllegalArgumentException(values.length + " rounds against " + that.values.length);
        }
        return new Series(IntStream.range(0, values.length)
                .mapToDouble(round -> values[round] / that.values[round])
                .toArray());
    }

    /** The median and, if there was more than one round, the spread: {@code 1.23 (1.20–1.31)}. */
    public String text(int decimals) {
        String median = text(median(), decimals);
        return values.length == 1 ? median : median + " (" + text(min(), decimals) + "–" + text(max(), decimals) + ")";
    }

    public static String text(double value, int decimals) {
        return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, "%,." + decimals + "f", value);
    }
}
