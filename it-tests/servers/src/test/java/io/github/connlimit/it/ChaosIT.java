package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Nothing is lost, nothing is left and nobody gets more than the limit, whatever clients and administrators do. Runs for
 * as many seconds each as the system property {@code connlimit.it.chaos.seconds} says; with the seed in
 * {@code connlimit.it.chaos.seed}, it draws the same lots again.
 */
@Tag("chaos")
class ChaosIT {

    private static final Duration IDLE_TIMEOUT = Duration.ofSeconds(2);

    /** What containers log of clients that leave, and of servers that are stopped while they serve. */
    private static final List<Pattern> NO_FAULTS = Stream.of(
                    // The test's server does not wait for its threads when it stops.
                    "org.eclipse.jetty.util.thread.QueuedThreadPool: (Couldn't stop|Stopped without) .*",
                    // A buffer of Jetty's own; connlimit has none that is released.
                    "org.eclipse.jetty.util.thread.QueuedThreadPool: Job failed .*IllegalStateException: already released .*",
                    // The threads of a server that stops are gone while there is something to do.
                    "org.eclipse.jetty.http2.HTTP2Connection: .* java.util.concurrent.RejectedExecutionException: .*",
                    // The virtual machine of the tests is started without.
                    "org.apache.catalina.loader.WebappClassLoaderBase: You need to add \"--add-opens=.*",
                    // NIO2 has one pool of threads, for as long as the connector exists.
                    "org.apache.catalina.loader.WebappClassLoaderBase: .* started a thread named \\[https?-.*-exec-.*",
                    // A server that is stopped does not wait for the requests in it.
                    "org.apache.catalina.loader.WebappClassLoaderBase: .* is still processing a request .*",
                    // The connector has closed the connection while its request begins.
                    "org.apache.tomcat.util.net.Nio2Endpoint: Unable to determine .*ClosedChannelException",
                    // Tomcat's threads and applications end before its connections do.
                    "org.apache.coyote.http11.Http11Nio2?Protocol: .* java.util.concurrent.RejectedExecutionException",
                    "org.apache.catalina.core.ContainerBase.* java.util.concurrent.RejectedExecutionException",
                    "org.apache.catalina.connector.CoyoteAdapter: .*IllegalStateException: Calling \\[asyncTimeout\\(\\)\\].*")
            .map(logged -> Pattern.compile(logged, Pattern.DOTALL))
            .toList();

    private final long seed = Long.getLong("connlimit.it.chaos.seed", System.nanoTime());
    private final Duration duration = Duration.ofSeconds(Long.getLong("connlimit.it.chaos.seconds", 5));

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

    private <S extends ContainerServer> void everythingAtOnce(TestServer.Factory<S> factory, ChaosProtocol protocol)
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

    private <S extends ContainerServer> void chaos(
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
        assertThat(bed.log().allWarnings().stream()
                        .map(record -> record.getLoggerName() + ": " + record.getMessage() + " " + record.getThrown())
                        .filter(logged -> NO_FAULTS.stream()
                                .noneMatch(no -> no.matcher(logged).matches()))
                        .distinct())
                .as("what was logged")
                .isEmpty();
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
