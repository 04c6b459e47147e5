package io.github.connlimit.page;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.RefusalReason;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * What the plots show of one moment.
 *
 * @param open connections that are open
 * @param totals one for each of {@link #NAMES}
 */
record Sample(long nanoTime, long open, long[] totals) {

    /** What the totals are of. */
    static final List<String> NAMES = Stream.of(
                    Stream.of("admitted"),
                    Stream.of(RefusalReason.values()).map(Sample::name),
                    Stream.of(ConnectionPhase.values()).map(Sample::name),
                    Stream.of("wouldRefuse", "wouldTimeOut"))
            .flatMap(names -> names)
            .toList();

    static Sample of(long nanoTime, LimiterSnapshot now) {
        long[] totals = Stream.of(
                        LongStream.of(now.admitted()),
                        now.refusals().values().stream().mapToLong(Long::longValue),
                        now.timeOuts().values().stream().mapToLong(Long::longValue),
                        LongStream.of(now.dryRunRefused(), now.dryRunTimedOut()))
                .flatMapToLong(values -> values)
                .toArray();
        return new Sample(nanoTime, now.openConnections(), totals);
    }

    static String name(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
