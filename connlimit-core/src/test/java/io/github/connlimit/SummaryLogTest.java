package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SummaryLogTest {

    private static final long TEN_SECONDS = TimeUnit.SECONDS.toNanos(10);

    private final RecordingLogger logger = new RecordingLogger();
    private final AtomicLong now = new AtomicLong();
    private final Figures figures = new Figures();
    private final SummaryLog log = new SummaryLog(logger, now::get, figures);

    private void refuse(int client, int times) {
        for (int i = 0; i < times; i++) {
            if (log.isFirst(new Client(IpAddress.of(Addresses.ipv4(client)), 128))) {
                logger.log(System.Logger.Level.INFO, "refused " + client);
            }
            figures.countRefused(RefusalReason.CONNECTIONS, false);
        }
    }

    private void sweep(long nanos) {
        now.set(nanos);
        log.flush(nanos);
    }

    @Test
    void theFirstOfAClientIsLoggedAtOnceAndTheOthersInASummary() {
        refuse(1, 3);
        refuse(2, 1);
        assertThat(logger.messages()).containsExactly("refused 1", "refused 2");
        sweep(TEN_SECONDS - 1);
        assertThat(logger.entries).hasSize(2);
        sweep(TEN_SECONDS);
        assertThat(logger.messages())
                .last()
                .isEqualTo("in the last 10 s: 4 connections over the limit; most by 0.0.0.1/32 (3), 0.0.0.2/32 (1)");
        assertThat(logger.entries).allMatch(entry -> entry.level() == System.Logger.Level.INFO);
    }

    @Test
    void whoGoesOnHasNoLineOfItsOwnInTheNextInterval() {
        refuse(1, 1);
        sweep(TEN_SECONDS);
        assertThat(logger.messages()).containsExactly("refused 1");
        refuse(1, 1);
        sweep(2 * TEN_SECONDS);
        assertThat(logger.messages())
                .containsExactly("refused 1", "in the last 10 s: 1 connections over the limit; most by 0.0.0.1/32 (1)");
        sweep(3 * TEN_SECONDS);
        assertThat(logger.entries).hasSize(2);
        refuse(1, 1);
        assertThat(logger.messages()).last().isEqualTo("refused 1");
    }

    @Test
    void whoComesNewAfterTheIntervalBringsTheSummaryAlong() {
        refuse(1, 2);
        now.set(3 * TEN_SECONDS);
        refuse(2, 1);
        assertThat(logger.messages())
                .containsExactly(
                        "refused 1",
                        "in the last 30 s: 2 connections over the limit; most by 0.0.0.1/32 (2)",
                        "refused 2");
    }

    @Test
    void linesAndMemoryAreBoundedHoweverManyClientsThereAre() {
        for (int client = 1; client <= 5000; client++) {
            refuse(client, 1);
        }
        assertThat(logger.entries).hasSize(SummaryLog.MAX_FIRST_LINES);
        refuse(7, 4);
        sweep(TEN_SECONDS);
        assertThat(logger.entries).hasSize(SummaryLog.MAX_FIRST_LINES + 1);
        assertThat(logger.messages())
                .last()
                .asString()
                .startsWith("in the last 10 s: 5004 connections over the limit; most by 0.0.0.7/32 (5), ")
                .endsWith(", 995 or more others");
    }

    @Test
    void fiveClientsAreNamedAndOthersOnlyIfThereAreAny() {
        for (int client = 1; client <= 5; client++) {
            refuse(client, 7 - client);
        }
        sweep(TEN_SECONDS);
        assertThat(logger.messages())
                .last()
                .asString()
                .endsWith("; most by 0.0.0.1/32 (6), 0.0.0.2/32 (5), 0.0.0.3/32 (4), 0.0.0.4/32 (3), 0.0.0.5/32 (2)");
        for (int client = 1; client <= 6; client++) {
            refuse(client, 1);
        }
        sweep(2 * TEN_SECONDS);
        assertThat(logger.messages()).last().asString().endsWith(", 1 others");
    }

    @Test
    void allKindsAreToldApart() {
        refuse(1, 2);
        for (boolean dryRun : new boolean[] {false, true}) {
            for (RefusalReason reason : RefusalReason.values()) {
                figures.countRefused(reason, dryRun);
            }
            for (ConnectionPhase phase : ConnectionPhase.values()) {
                figures.countTimedOut(phase, dryRun);
            }
        }
        sweep(TEN_SECONDS);
        assertThat(logger.messages())
                .last()
                .asString()
                .startsWith("in the last 10 s: 3 connections over the limit, 1 pending connections over the limit, "
                        + "1 streams over the limit, 1 connections in all over the limit, 1 connections over the rate, "
                        + "1 connections over the limit of their network, "
                        + "1 connections over what the cluster leaves to this node, "
                        + "3 time-outs, 7 connections and streams over the limit, not refused (dry run), "
                        + "3 time-outs, not closed (dry run); most by ");
    }
}
