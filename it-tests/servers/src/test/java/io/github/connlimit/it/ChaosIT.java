package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Nothing is lost, nothing is left and nobody gets more than the limit, whatever clients and administrators do. Runs for
 * as many seconds each as the system property {@code connlimit.it.chaos.seconds} says; with the seed in
 * {@code connlimit.it.chaos.seed}, it draws the same lots again. With {@code connlimit.it.chaos.strict}, a container must
 * log nothing of its own either, unless it is known.
 */
@Tag("chaos")
class ChaosIT {

    private static final Duration IDLE_TIMEOUT = Duration.ofSeconds(2);

    private final long seed = Long.getLong("connlimit.it.chaos.seed", System.nanoTime());
    private final Duration duration = Duration.ofSeconds(Long.getLong("connlimit.it.chaos.seconds", 5));
    private final boolean strict = Boolean.getBoolean("connlimit.it.chaos.strict");

    @ParameterizedTest
    @EnumSource
    @Tag("jetty")
    void jetty(ChaosProtocol protocol) throws Exception {
        everythingAtOnce(JettyServer::new, protocol);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("tomcat")
    void tomcatNio(ChaosProtocol protocol) throws Exception {
        everythingAtOnce(TomcatServer::nio, protocol);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("tomcat")
    void tomcatNio2(ChaosProtocol protocol) throws Exception {
        everythingAtOnce(TomcatServer::nio2, protocol);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("netty")
    void reactorNetty(ChaosProtocol protocol) throws Exception {
        everythingAtOnce(ReactorNettyServer::new, protocol);
    }

    private <S extends TestServer> void everythingAtOnce(TestServer.Factory<S> factory, ChaosProtocol protocol)
            throws Exception {
        // What the container makes once and keeps.
        chaos(factory, protocol, Duration.ofMillis(500), new StringBuilder());
        Leftovers leftovers = new Leftovers();
        StringBuilder story = new StringBuilder();
        try {
            chaos(factory, protocol, duration, story);
            leftovers.awaitNone();
        } finally {
            System.out.println("chaos, seed " + seed + ", " + duration.toSeconds() + " s: " + story);
        }
    }

    private <S extends TestServer> void chaos(
            TestServer.Factory<S> factory, ChaosProtocol protocol, Duration time, StringBuilder story)
            throws Exception {
        TestBed<S> bed = new TestBed<>(factory, protocol.transport());
        Throwable failure = null;
        try {
            bed.start(TestBed.limits(4), setup -> setup.withIdleTimeout(IDLE_TIMEOUT));
            Chaos chaos = new Chaos(bed, protocol, seed);
            try {
                chaos.run(time);
            } finally {
                story.append(chaos);
            }
            if (time.equals(duration)) {
                assertThat(chaos.stops()).as("stops").isPositive();
                assertThat(chaos.checks()).as("checks").isPositive();
                assertThat(chaos.mostAtOnce()).as("connections at once").isGreaterThan(1);
                assertThat(bed.events().refused()).as("refused").isPositive();
            }
        } catch (Throwable error) {
            failure = error;
            throw error;
        } finally {
            end(bed, failure);
        }
        ChaosLog log = new ChaosLog(bed.log().allWarnings());
        story.append(log.ofContainers().isEmpty() ? "" : ", logged " + log.ofContainers());
        assertThat(log.faults()).as("what was logged").isEmpty();
        if (strict) {
            assertThat(log.ofContainers()).as("what a container logged").isEmpty();
        }
    }

    /** Whatever else is wrong at the end, the first failure is the one to tell. */
    private static void end(TestBed<?> bed, Throwable failure) throws Exception {
        try {
            bed.end();
            bed.server().destroy();
        } catch (Throwable error) {
            if (failure == null) {
                throw error;
            }
            failure.addSuppressed(error);
        }
    }
}
