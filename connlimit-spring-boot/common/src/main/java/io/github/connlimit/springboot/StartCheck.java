package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.RefusalHandler;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.cloud.CloudPlatform;
import org.springframework.core.env.Environment;

/**
 * Says in the log what is limited after the start, and warns of what is not. For the adapters of this project. This class is
 * thread-safe.
 *
 * @since 0.1.0
 */
public final class StartCheck {

    private static final System.Logger LOGGER = System.getLogger(StartCheck.class.getName());

    private static final String STRATEGY = "server.forward-headers-strategy";

    private final ConnectionLimiter limiter;
    private final ObjectProvider<ServerLimit> servers;
    private final ObjectProvider<TrustedProxies> trustedProxies;
    private final ObjectProvider<RefusalHandler<?>> rejectionHandlers;
    private final Environment environment;

    StartCheck(
            ConnectionLimiter limiter,
            ObjectProvider<ServerLimit> servers,
            ObjectProvider<TrustedProxies> trustedProxies,
            ObjectProvider<RefusalHandler<?>> rejectionHandlers,
            Environment environment) {
        this.limiter = limiter;
        this.servers = servers;
        this.trustedProxies = trustedProxies;
        this.rejectionHandlers = rejectionHandlers;
        this.environment = environment;
    }

    /**
     * Looks at a server that has just been started.
     *
     * @param webServer Spring Boot's object for it
     * @param port where it listens
     */
    public void check(Object webServer, int port) {
        List<ServerLimit> used = servers.stream().filter(ServerLimit::isUsed).toList();
        List<String> limited =
                used.stream().flatMap(server -> server.limited(port).stream()).toList();
        if (used.isEmpty()) {
            warn("Connections are not limited: the web server is "
                    + webServer.getClass().getName() + ", and connlimit limits Tomcat, Jetty and Reactor Netty");
        }
        used.stream().flatMap(server -> server.unlimited().stream()).forEach(StartCheck::warn);
        ConnectionLimits limits = limiter.limits();
        if (!limited.isEmpty()) {
            LOGGER.log(
                    System.Logger.Level.INFO,
                    "Limits the connections of each client: " + String.join(", ", limited) + ", maxPerClient="
                            + limits.maxPerClient() + (limits.dryRun() ? ", dry run" : ""));
            checkProxies(limits, used);
            checkRejectionHandlers(used);
        }
    }

    /** A bean for another kind of connection is never asked. */
    private void checkRejectionHandlers(List<ServerLimit> used) {
        if (used.stream().noneMatch(ServerLimit::hasRejectionHandler)
                && rejectionHandlers.stream().findAny().isPresent()) {
            warn("No bean of the type RefusalHandler has an effect: "
                    + used.stream()
                            .map(server -> server.support().title() + " needs a " + server.rejectionHandlerType())
                            .collect(Collectors.joining(", ")));
        }
    }

    /** Behind a proxy, all connections come from one address, which is not to be limited as if it were one client. */
    private void checkProxies(ConnectionLimits limits, List<ServerLimit> used) {
        boolean trusts = trustsProxies(limits);
        String strategy = environment.getProperty(STRATEGY, "").trim().toLowerCase(Locale.ROOT);
        CloudPlatform platform = CloudPlatform.getActive(environment);
        boolean onPlatform = strategy.isEmpty() && platform != null && platform.isUsingForwardHeaders();
        boolean forwarded = onPlatform || strategy.equals("native") || strategy.equals("framework");
        if (forwarded && used.stream().anyMatch(server -> !server.findsForwardedClients())) {
            // To trust the proxy would be no help.
            warn("The clients behind a proxy " + (trusts ? "are not limited" : "share one limit")
                    + ": connlimit reads no forwarded headers in Reactor Netty, but PROXY headers, with"
                    + " HttpServer.proxyProtocol and connlimit.trusted-proxies");
        } else if (!trusts && (strategy.equals("native") || strategy.equals("framework"))) {
            warn(STRATEGY + "=" + strategy + " says that there is a proxy in front, and none is trusted: all clients"
                    + " behind it share one limit. Set connlimit.trusted-proxies to its addresses");
        } else if (!trusts && onPlatform) {
            warn("This application runs on " + platform
                    + ", where there is a proxy in front, and none is trusted: all"
                    + " clients behind it share one limit. Set connlimit.trusted-proxies to its addresses");
        } else if (trusts && strategy.equals("framework")) {
            warn(STRATEGY + "=framework finds the clients behind a proxy too late: they are not limited. Set "
                    + STRATEGY + "=native");
        }
    }

    /**
     * A rule of the properties that exempts somebody is no sign: health checkers are exempt, too. In a limiter of the user's
     * own, there is nothing else to go by.
     */
    private boolean trustsProxies(ConnectionLimits limits) {
        TrustedProxies named = trustedProxies.getIfAvailable();
        return named == null ? limits.rules().containsValue(0) : !named.blocks().isEmpty();
    }

    private static void warn(String message) {
        LOGGER.log(System.Logger.Level.WARNING, message);
    }
}
