package io.github.connlimit.springboot4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.http.server.reactive.HttpHandler;
import reactor.core.publisher.Mono;

/** An application that runs in this process, with its warnings and its clients. */
final class Running implements AutoCloseable {

    /** It answers anything with some status. */
    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class App {

        @Bean
        HttpHandler handler() {
            return (request, response) -> Mono.empty();
        }
    }

    /** Held, so that its handler stays. */
    private static final Logger LOGGER = Logger.getLogger("io.github.connlimit");

    private final List<LogRecord> log = new CopyOnWriteArrayList<>();
    private final List<Socket> sockets = new ArrayList<>();
    private final ConfigurableApplicationContext context;

    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord line) {
            log.add(line);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    /**
     * @param factory makes the server
     * @param configuration that the application has besides
     * @param properties as in {@code connlimit.enabled=false}
     */
    Running(Class<?> factory, WebApplicationType type, Class<?> configuration, String... properties) {
        LOGGER.addHandler(handler);
        context = new SpringApplicationBuilder(App.class, configuration)
                .web(type)
                .bannerMode(Banner.Mode.OFF)
                .registerShutdownHook(false)
                .initializers(made -> ((GenericApplicationContext) made).registerBean("factory", factory))
                .run(Stream.concat(Stream.of("server.port=0"), Stream.of(properties))
                        .map(property -> "--" + property)
                        .toArray(String[]::new));
    }

    ConfigurableApplicationContext context() {
        return context;
    }

    List<String> warnings() {
        return messages(Level.WARNING);
    }

    /** @param least how serious they are at least */
    List<String> messages(Level least) {
        return log.stream()
                .filter(line -> line.getLevel().intValue() >= least.intValue())
                .map(LogRecord::getMessage)
                .toList();
    }

    int port(String kind) {
        return Integer.parseInt(context.getEnvironment().getProperty("local." + kind + ".port"));
    }

    Socket connect(int port) throws IOException {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.2"), 0));
        socket.setSoTimeout(20_000);
        socket.connect(new InetSocketAddress("127.0.0.1", port), 20_000);
        return socket;
    }

    /** Opens so many connections, and returns how many got an answer. */
    int answered(int port, int connections) throws IOException {
        int answered = 0;
        for (int i = 0; i < connections; i++) {
            try {
                Socket socket = connect(port);
                socket.getOutputStream()
                        .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                answered += socket.getInputStream().read() == 'H' ? 1 : 0;
            } catch (SocketException reset) {
                // Then it has none.
            }
        }
        return answered;
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        ConnectionLimiter limiter =
                context.getBeanProvider(ConnectionLimiter.class).getIfAvailable();
        context.close();
        LOGGER.removeHandler(handler);
        if (limiter != null) {
            await("nothing counts after the stop").untilAsserted(() -> {
                assertThat(limiter.snapshot().openConnections()).isZero();
                assertThat(limiter.snapshot().clients()).isZero();
            });
        }
    }
}
