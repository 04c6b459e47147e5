package io.github.connlimit.examples;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.management.JMException;
import javax.management.ObjectName;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Keeps one server running until the process is told to end. */
@Command(
        name = "serve",
        sortOptions = false,
        description = {
            "Keeps a server running until SIGTERM or Ctrl-C.",
            "It prints \"listening on PORT\" when it is ready, and serves GET /, GET /hold?ms=N,"
                    + " GET /limits, PUT /limits?max-per-client=N and, but for tcp, a WebSocket echo at /ws.",
            "For the server's own machine, GET /metrics has the figures for Prometheus, and GET /status a page."
        })
final class ServeCommand implements Callable<Integer> {

    /** Held here, since the logging system would forget a logger with its level. */
    private static final Logger LIMITER_LOGGER = Logger.getLogger("io.github.connlimit");

    private final ConnectionLimits.Builder limits = ConnectionLimits.builder();
    private ServerKind server;
    private int port;
    private final List<Cidr> trustedProxies = new ArrayList<>();

    @Spec
    private CommandSpec spec;

    @Option(names = "--tls", description = "Speak TLS, with a self-signed certificate made anew.")
    private boolean tls;

    @Option(
            names = "--proxy-protocol",
            description = "Expect a PROXY protocol header on each connection. Only for jetty and netty. Only exempt"
                    + " proxies are believed: see --rules and --trusted-proxies.")
    private boolean proxyProtocol;

    @Option(
            names = "--jmx",
            description = "Register the limiter as io.github.connlimit:type=ConnectionLimiter,name=SERVER.")
    private boolean jmx;

    @Option(
            names = "--node",
            paramLabel = "NAME",
            description = "What the server is called in its figures and on its page. Default: example.")
    private String name = "example";

    @Option(names = "--off", description = "The same server without connlimit, for comparison; limits are ignored.")
    private boolean off;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Option(
            names = "--server",
            paramLabel = "SERVER",
            required = true,
            order = 0,
            description = "jetty, tomcat, tomcat-nio2, netty or tcp.")
    void server(String text) {
        check("--server", text, value -> server = ServerKind.of(value));
    }

    @Option(
            names = "--port",
            paramLabel = "N",
            required = true,
            order = 1,
            description = "Where to listen, 0 to 65535; 0 means any free port.")
    void port(String text) {
        check("--port", text, value -> {
            port = value.matches("[0-9]{1,5}") ? Integer.parseInt(value) : -1;
            if (port < 0 || port > 65_535) {
                throw new IllegalArgumentException(
                        "port: \"" + value + "\" is not allowed; a whole number from 0 to 65535");
            }
        });
    }

    @Option(
            names = "--trusted-proxies",
            paramLabel = "CIDR,…",
            description = "Exempts these proxies, and believes their forwarded headers. Not for tcp; for netty with"
                    + " --proxy-protocol, whose headers it believes.")
    void trustedProxies(String text) {
        check("--trusted-proxies", text, value -> {
            for (String proxy : value.split(",", -1)) {
                trustedProxies.add(Cidr.parse(proxy.trim()));
            }
        });
    }

    static CommandLine commandLine() {
        ServeCommand serve = new ServeCommand();
        CommandLine line = new CommandLine(serve);
        LimitOptions.addTo(line.getCommandSpec(), serve.limits);
        return line;
    }

    private void check(String option, String text, Consumer<String> setter) {
        try {
            setter.accept(text);
        } catch (IllegalArgumentException bad) {
            throw new ParameterException(spec.commandLine(), option + ": " + bad.getMessage(), bad);
        }
    }

    @Override
    public Integer call() throws Exception {
        checkProxies();
        LIMITER_LOGGER.setLevel(Level.INFO);
        Optional<ConnectionLimiter> limiter =
                off ? Optional.empty() : Optional.of(new ConnectionLimiter(buildLimits()));
        Optional<SelfSignedCertificate> certificate =
                tls ? Optional.of(SelfSignedCertificate.create()) : Optional.empty();
        if (jmx && limiter.isPresent()) {
            register(limiter.get());
        }
        ExampleServer running = start(new ServerSettings(
                name, new InetSocketAddress(port), limiter, certificate, proxyProtocol, List.copyOf(trustedProxies)));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(running), "stop"));
        spec.commandLine().getOut().println("listening on " + running.port());
        spec.commandLine().getOut().flush();
        // Forever. A signal ends the process, and its exit status says which.
        new CountDownLatch(1).await();
        return 0;
    }

    private void checkProxies() {
        if (proxyProtocol && server != ServerKind.JETTY && server != ServerKind.NETTY) {
            throw new ParameterException(
                    spec.commandLine(), "--proxy-protocol: " + server + " knows no PROXY protocol; jetty and netty do");
        }
        boolean readsNoHeaders = server == ServerKind.TCP || server == ServerKind.NETTY && !proxyProtocol;
        if (!trustedProxies.isEmpty() && readsNoHeaders) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--trusted-proxies: " + server + " looks at no forwarded headers; jetty and tomcat do");
        }
    }

    /** The settings that have to fit each other, whatever the order of the options. */
    private ConnectionLimits buildLimits() {
        try {
            trustedProxies.forEach(proxy -> limits.exempt(proxy.toString()));
            return limits.build();
        } catch (IllegalArgumentException bad) {
            throw new ParameterException(spec.commandLine(), bad.getMessage(), bad);
        }
    }

    private ExampleServer start(ServerSettings settings) throws Exception {
        try {
            return server.start(settings);
        } catch (Exception error) {
            if (Main.rootCause(error) instanceof SocketException bind) {
                throw new IOException("cannot listen on port " + port + ": " + bind.getMessage(), error);
            }
            throw error;
        }
    }

    private void register(ConnectionLimiter limiter) throws JMException {
        ObjectName name = new ObjectName("io.github.connlimit:type=ConnectionLimiter,name=" + server);
        ManagementFactory.getPlatformMBeanServer().registerMBean(limiter.mxBean(), name);
    }

    private void stop(ExampleServer running) {
        try {
            running.close();
        } catch (Exception error) {
            spec.commandLine().getErr().println("the server did not stop as it should: " + error);
            spec.commandLine().getErr().flush();
        }
    }
}
