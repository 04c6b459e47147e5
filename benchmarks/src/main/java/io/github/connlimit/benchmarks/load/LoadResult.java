package io.github.connlimit.benchmarks.load;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * What became of a workload, while it was measured. A latency is the time from the begin of the connection to the end of
 * the response, or from the request for the further ones on the same connection. Where requests never end, it is the time
 * that a connection was open.
 *
 * @param nanos how long it was measured
 * @param completed requests answered with a 2xx status
 * @param rejected requests answered with another status
 * @param refused connections ended by the server before it had sent anything of a response
 * @param failed connections that could not be made, or broke in a response
 * @param unanswered connections that were due or begun and came to no end of a response
 * @param p50 the median latency in nanoseconds
 * @param p99 of 100 latencies in nanoseconds the largest but one
 * @param max the largest latency in nanoseconds
 * @param cpuNanos CPU time of the generator
 */
public record LoadResult(
        long nanos,
        long completed,
        long rejected,
        long refused,
        long failed,
        long unanswered,
        long p50,
        long p99,
        long max,
        long cpuNanos) {

    /** A text that {@link #parse} reads. */
    @Override
    public String toString() {
        return LongStream.of(nanos, completed, rejected, refused, failed, unanswered, p50, p99, max, cpuNanos)
                .mapToObj(Long::toString)
                .collect(Collectors.joining(" "));
    }

    public static LoadResult parse(String text) {
        long[] v =
                Arrays.stream(text.trim().split(" ")).mapToLong(Long::parseLong).toArray();
        return new LoadResult(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]);
    }

    public double completedPerSecond() {
        return perSecond(completed);
    }

    public double refusedPerSecond() {
        return perSecond(refused);
    }

    private double perSecond(long count) {
        return count * 1e9 / nanos;
    }
}
