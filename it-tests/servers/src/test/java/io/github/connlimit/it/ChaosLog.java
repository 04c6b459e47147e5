package io.github.connlimit.it;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.logging.LogRecord;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Warnings and worse that were logged in a chaos, but for what is known of containers whose clients leave, and which are
 * stopped while they serve.
 */
final class ChaosLog {

    private static final List<Pattern> KNOWN = Stream.of(
                    // The test's server does not wait long for its threads when it stops.
                    "org.eclipse.jetty.util.thread.QueuedThreadPool: (Couldn't stop|Stopped without) .*",
                    // A buffer of Jetty's own; connlimit has none that is released.
                    "org.eclipse.jetty.util.thread.QueuedThreadPool: Job failed .*IllegalStateException: already released .*",
                    // The threads of a server that stops are gone while there is something to do.
                    "org.eclipse.jetty.http2.HTTP2Connection: .* java.util.concurrent.RejectedExecutionException: .*",
                    // Netty says of each handshake that comes to nothing that it did.
                    "io.netty.handler.ssl.ApplicationProtocolNegotiationHandler: .*",
                    // Clients that break off a request or a connection, or the rules of HTTP/2.
                    "reactor.netty.http.server.HttpServerOperations: .* Decoding failed: .*",
                    "reactor.netty.channel.FluxReceive: .* An exception has been observed post termination.*",
                    "io.netty.channel.DefaultChannelPipeline: .* reached at the tail .*(Http2|Socket|SSL)Exception.*",
                    // The virtual machine of the tests is started without.
                    "org.apache.catalina.loader.WebappClassLoaderBase: You need to add \"--add-opens=.*",
                    // NIO2 has one pool of threads, for as long as the connector exists.
                    "org.apache.catalina.loader.WebappClassLoaderBase: .* started a thread named \\[https?-.*-exec-.*",
                    // A server that is stopped does not wait for the requests in it.
                    "org.apache.catalina.loader.WebappClassLoaderBase: .* is still processing a request .*",
                    // The connector has closed the connection while its request begins.
                    "org.apache.tomcat.util.net.Nio2Endpoint: Unable to determine .*ClosedChannelException",
                    // On a busy machine.
                    "org.apache.catalina.util.SessionIdGeneratorBase: Creation of SecureRandom .* took .*",
                    // Tomcat's threads and applications end before its connections do.
                    "org.apache.coyote.http11.Http11Nio2?Protocol: .* java.util.concurrent.RejectedExecutionException",
                    "org.apache.tomcat.util.net.NioEndpoint: Executor rejected socket .* java.util.concurrent.RejectedExecutionException.*",
                    "org.apache.catalina.core.ContainerBase.* java.util.concurrent.RejectedExecutionException",
                    "org.apache.catalina.core.ContainerBase.*IllegalStateException: Calling \\[asyncStart\\(\\)\\].*",
                    "org.apache.catalina.connector.CoyoteAdapter: .*IllegalStateException: Calling \\[asyncTimeout\\(\\)\\].*")
            .map(logged -> Pattern.compile(logged, Pattern.DOTALL))
            .toList();

    private final Set<String> faults = new LinkedHashSet<>();
    private final Set<String> ofContainers = new LinkedHashSet<>();

    ChaosLog(List<LogRecord> warnings) {
        for (LogRecord warning : warnings) {
            String logged = warning.getLoggerName() + ": " + warning.getMessage() + " " + warning.getThrown();
            if (isOfConnlimit(warning)) {
                faults.add(logged);
            } else if (KNOWN.stream().noneMatch(known -> known.matcher(logged).matches())) {
                ofContainers.add(logged);
            }
        }
    }

    /** What connlimit logged or threw. */
    Set<String> faults() {
        return faults;
    }

    /**
     * What containers logged of their own. There is always more than is known: their parts end one after another, and
     * one finds another one gone; or something has taken long.
     */
    Set<String> ofContainers() {
        return ofContainers;
    }

    private static boolean isOfConnlimit(LogRecord warning) {
        return isOfConnlimit(String.valueOf(warning.getLoggerName()))
                || exceptions(warning.getThrown()).anyMatch(ChaosLog::isThrownByConnlimit);
    }

    /** By itself, or by the JDK for it. What has lost its stack trace is taken for it. */
    private static boolean isThrownByConnlimit(Throwable error) {
        if (error.getStackTrace().length == 0) {
            return true;
        }
        Optional<String> thrower = Arrays.stream(error.getStackTrace())
                .map(StackTraceElement::getClassName)
                .filter(name -> !name.matches("(java|javax|jdk|sun)\\..*"))
                .findFirst();
        return thrower.isPresent() && isOfConnlimit(thrower.get());
    }

    /** Whether a class, or the logger named after it, is connlimit's and not one of these tests. */
    static boolean isOfConnlimit(String name) {
        return name.startsWith("io.github.connlimit.") && !name.startsWith("io.github.connlimit.it.");
    }

    private static Stream<Throwable> exceptions(Throwable error) {
        if (error == null) {
            return Stream.empty();
        }
        return Stream.concat(
                Stream.of(error),
                Stream.concat(Stream.of(error.getSuppressed()), Stream.ofNullable(error.getCause()))
                        .flatMap(ChaosLog::exceptions));
    }
}
