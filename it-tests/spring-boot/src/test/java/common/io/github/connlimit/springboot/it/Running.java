package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.connlimit.ConnectionLimiter;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.event.ApplicationPreparedEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;

/** {@link App}, running in this process; what connlimit logs is kept. */
final class Running implements AutoCloseable {

    static final Consumer<SpringApplication> NOTHING_MORE = application -> {};

    final ConfigurableApplicationContext context;
    private final ListAppender<ILoggingEvent> log;

    private Running(ConfigurableApplicationContext context, ListAppender<ILoggingEvent> log) {
        this.context = context;
        this.log = log;
    }

    /** With Tomcat and servlets. */
    static Running start(String... properties) {
        return start(Line.tomcat().get(0), WebApplicationType.SERVLET, NOTHING_MORE, properties);
    }

    /** With Tomcat and servlets, and another configuration. */
    static Running startWith(Class<?> configuration, String... properties) {
        return start(
                Line.tomcat().get(0),
                WebApplicationType.SERVLET,
                application -> application.addPrimarySources(List.of(configuration)),
                properties);
    }

    /**
     * @param factory makes the server
     * @param more what the application is to know besides
     * @param properties as in {@code server.port=0}
     */
    static Running start(
            Class<?> factory, WebApplicationType type, Consumer<SpringApplication> more, String... properties) {
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        SpringApplication application = new SpringApplicationBuilder(App.class)
                .web(type)
                .bannerMode(Banner.Mode.OFF)
                .registerShutdownHook(false)
                .listeners((ApplicationListener<ApplicationPreparedEvent>) prepared -> logger().addAppender(log))
                .initializers(context -> ((GenericApplicationContext) context).registerBean("factory", factory))
                .build();
        more.accept(application);
        // Reactor Netty would wait for two seconds whether somebody comes yet.
        String[] arguments = Stream.concat(
                        Stream.of("server.port=0", "spring.reactor.netty.shutdown-quiet-period=100ms"),
                        Stream.of(properties))
                .map(property -> "--" + property)
                .toArray(String[]::new);
        return new Running(application.run(arguments), log);
    }

    /** {@return what Spring Boot says of an application that does not start} */
    static String failure(String... properties) {
        ListAppender<ILoggingEvent> said = new ListAppender<>();
        said.start();
        Logger reporter = (Logger) LoggerFactory.getLogger("org.springframework.boot.diagnostics");
        try {
            start(
                            Line.tomcat().get(0),
                            WebApplicationType.SERVLET,
                            application -> application.addListeners((ApplicationListener<ApplicationPreparedEvent>)
                                    prepared -> reporter.addAppender(said)),
                            properties)
                    .close();
            throw new AssertionError("it has started");
        } catch (RuntimeException failed) {
            assertThat(said.list).isNotEmpty().allMatch(event -> event.getThrowableProxy() == null);
            return said.list.stream().map(ILoggingEvent::getFormattedMessage).collect(Collectors.joining("\n"));
        } finally {
            reporter.detachAppender(said);
        }
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger("io.github.connlimit");
    }

    int port() {
        return Integer.parseInt(context.getEnvironment().getProperty("local.server.port"));
    }

    int managementPort() {
        return Integer.parseInt(context.getEnvironment().getProperty("local.management.port"));
    }

    ConnectionLimiter limiter() {
        return context.getBean(ConnectionLimiter.class);
    }

    App app() {
        return context.getBean(App.class);
    }

    List<String> warnings() {
        return log.list.stream()
                .filter(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    List<String> infos() {
        return log.list.stream()
                .filter(event -> event.getLevel() == Level.INFO)
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    void awaitOpen(long connections) {
        await("connections that count")
                .untilAsserted(
                        () -> assertThat(limiter().snapshot().openConnections()).isEqualTo(connections));
    }

    @Override
    public void close() {
        ConnectionLimiter limiter =
                context.getBeanProvider(ConnectionLimiter.class).getIfAvailable();
        context.close();
        logger().detachAppender(log);
        if (limiter != null) {
            await("nothing counts after the stop").untilAsserted(() -> {
                assertThat(limiter.snapshot().openConnections()).isZero();
                assertThat(limiter.snapshot().clients()).isZero();
            });
            assertThat(limiter.snapshot().forgotten()).isZero();
        }
    }
}
