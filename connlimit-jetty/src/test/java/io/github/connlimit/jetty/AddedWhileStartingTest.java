package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimits;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.component.LifeCycle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * An installer or a listener that is added while the server is starting: it limits connections, streams and forwarded
 * clients, or it is rejected.
 */
class AddedWhileStartingTest {

    /** Exempt by a rule. */
    private static final String PROXY = "127.0.0.9";

    private static final String REMOTE = "10.1.2.3";
    private static final int LIMIT = 8;
    private static final int RESERVED = 2;

    private final CapturedLog log = new CapturedLog();
    private final TestServer server = new TestServer(TestServer.limiter(ConnectionLimits.builder()
            .maxPerClient(LIMIT)
            .reservedConnections(RESERVED)
            .exempt(PROXY)));
    private final ServerConnector second = new ServerConnector(server.server, 1, 1);
    private final Handler application = server.server.getHandler();
    private final ConnectionLimitInstaller installer = new ConnectionLimitInstaller(server.limiter);
    private final ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);

    AddedWhileStartingTest() {
        for (ServerConnector connector : List.of(server.connector, second)) {
            HttpConfiguration configuration = new HttpConfiguration();
            configuration.addCustomizer(new ForwardedRequestCustomizer());
            connector.setConnectionFactories(List.of(new HttpConnectionFactory(configuration)));
        }
        server.server.addConnector(second);
    }

    @AfterEach
    void stopWithNothingCounted() {
        server.close();
        log.close();
    }

    // Ways to be added while something starts

    private static LifeCycle.Listener whenStarting(Runnable action) {
        return new LifeCycle.Listener() {
            @Override
            public void lifeCycleStarting(LifeCycle event) {
                action.run();
            }
        };
    }

    private static LifeCycle.Listener whenStarted(Runnable action) {
        return new LifeCycle.Listener() {
            @Override
            public void lifeCycleStarted(LifeCycle event) {
                action.run();
            }
        };
    }

    private static AbstractLifeCycle beanThat(Runnable action) {
        return new AbstractLifeCycle() {
            @Override
            protected void doStart() {
                action.run();
            }
        };
    }

    private void addBeanBeforeHandlers(Object bean) {
        Handler handler = server.server.getHandler();
        server.server.setHandler((Handler) null);
        server.server.addBean(bean);
        server.server.setHandler(handler);
    }

    private void addInstaller() {
        server.server.addBean(installer);
    }

    private void addListener() {
        server.connector.addBean(listener);
    }

    private void insertHandler() {
        server.server.insertHandler(new ConnectionLimitHandler());
    }

    // What is limited

    private void assertAllLimited(ServerConnector... connectors) throws Exception {
        for (ServerConnector connector : connectors) {
            assertConnectionsAndStreamsLimited(connector.getLocalPort());
            assertForwardedClientsLimited(connector.getLocalPort());
        }
        assertThat(log.messages()).isEmpty();
    }

    private void assertConnectionsAndStreamsLimited(int port) throws Exception {
        List<Client> streams = new ArrayList<>();
        try {
            for (int i = 0; i < LIMIT - RESERVED; i++) {
                Client client = Client.connect(GREEDY, port);
                streams.add(client);
                // A WebSocket or an event stream.
                if (i % 2 == 0) {
                    client.send(
                            "GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
                    assertThat(client.readHead()).startsWith("HTTP/1.1 101 ");
                } else {
                    client.send("GET /async HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
                }
            }
            await("streams")
                    .atMost(TestServer.DEADLINE)
                    .untilAsserted(() -> assertThat(server.limiter.snapshot().topClients().stream()
                                    .mapToInt(ClientUsage::streams)
                                    .sum())
                            .isEqualTo(LIMIT - RESERVED));
            for (String stream : List.of("Connection: upgrade\r\nUpgrade: websocket", "Accept: text/event-stream")) {
                server.awaitOpen(GREEDY, LIMIT - RESERVED);
                try (Client refused = Client.connect(GREEDY, port)) {
                    refused.send("GET / HTTP/1.1\r\nHost: localhost\r\n" + stream + "\r\n\r\n");
                    assertThat(refused.readAll()).startsWith("HTTP/1.1 429 ");
                }
            }
            server.awaitOpen(GREEDY, LIMIT - RESERVED);
            try (Client ordinary = Client.connect(GREEDY, port);
                    Client last = Client.connect(GREEDY, port)) {
                assertThat(ordinary.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(last.get("/")).startsWith("HTTP/1.1 200 ");
                server.awaitOpen(GREEDY, LIMIT);
                try (Client refused = Client.connect(GREEDY, port)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                }
            }
        } finally {
            succeedAsync();
            for (Client client : streams) {
                client.close();
            }
        }
        server.awaitZero();
    }

    private void assertForwardedClientsLimited(int port) throws Exception {
        String forwarded = " HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " + REMOTE + "\r\n\r\n";
        List<Client> clients = new ArrayList<>();
        try {
            for (int i = 0; i < LIMIT; i++) {
                Client client = Client.connect(PROXY, port);
                clients.add(client);
                client.send("GET /async" + forwarded);
            }
            server.awaitOpen(REMOTE, LIMIT);
            try (Client refused = Client.connect(PROXY, port)) {
                refused.send("GET /" + forwarded);
                assertThat(refused.readResponse()).startsWith("HTTP/1.1 429 ");
            }
            await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == LIMIT);
        } finally {
            succeedAsync();
            for (Client client : clients) {
                client.close();
            }
        }
        server.awaitZero();
    }

    private void succeedAsync() {
        server.async.forEach(Callback::succeeded);
        server.async.clear();
    }

    private void assertStartFails(String... words) {
        assertThatThrownBy(server.server::start)
                .satisfies(thrown -> assertThat(Stream.iterate(thrown, cause -> cause != null, Throwable::getCause))
                        .anySatisfy(cause -> assertThat(cause)
                                .isExactlyInstanceOf(IllegalStateException.class)
                                .message()
                                .contains(words)));
        assertThat(server.server.isFailed()).isTrue();
        // Jetty closes them all, though it starts and does not stop a connector that follows one which fails.
        assertThat(List.of(server.connector, second)).noneMatch(ServerConnector::isOpen);
    }

    private void assertInstallerLeftNothing() {
        assertThat(server.server.getBeans()).doesNotContain(installer);
        for (ServerConnector connector : List.of(server.connector, second)) {
            assertThat(connector.getBean(ConnectionLimitListener.class)).isNull();
            assertThat(connector.getProtocols()).containsExactly("http/1.1");
        }
    }

    // An installer

    /** As in Dropwizard. */
    @Test
    void installerAddedByAListenerOfTheServer() throws Exception {
        server.server.insertHandler(new GracefulHandler());
        server.server.addEventListener(whenStarting(this::addInstaller));
        server.started();
        assertThat(server.server.getHandler()).isInstanceOf(ConnectionLimitHandler.class);
        assertAllLimited(server.connector, second);
        assertThat(application.isStarted()).isTrue();
        server.server.stop();
        assertThat(application.isStopped()).isTrue();
        server.started();
        assertThat(server.server.getDescendants(ConnectionLimitHandler.class)).hasSize(1);
        assertAllLimited(server.connector, second);
    }

    @Test
    void installerAddedByABeanBeforeTheHandlersStart() throws Exception {
        addBeanBeforeHandlers(beanThat(this::addInstaller));
        server.started();
        assertThat(server.server.getHandler()).isInstanceOf(ConnectionLimitHandler.class);
        assertAllLimited(server.connector, second);
        server.server.stop();
        assertThat(application.isStopped()).isTrue();
    }

    @Test
    void installerAddedByABeanToAServerWithoutHandlers() throws Exception {
        server.server.setHandler((Handler) null);
        server.server.addBean(beanThat(this::addInstaller));
        server.started();
        assertThat(server.server.getHandler()).isInstanceOf(ConnectionLimitHandler.class);
        assertThat(server.server.getHandler().isStarted()).isTrue();
    }

    @Test
    void installerAddedByABeanAfterTheHandlersHaveStarted() {
        server.server.addBean(beanThat(this::addInstaller));
        assertStartFails("ConnectionLimitInstaller", application.getClass().getSimpleName(), "lifeCycleStarting");
        assertInstallerLeftNothing();
        assertThat(server.server.getHandler()).isSameAs(application);
        assertThat(application.isRunning()).isFalse();
    }

    @Test
    void installerAddedByABeanAfterItsHandlerHasStarted() throws Exception {
        insertHandler();
        server.server.addBean(beanThat(this::addInstaller));
        server.started();
        assertThat(server.server.getDescendants(ConnectionLimitHandler.class)).hasSize(1);
        assertAllLimited(server.connector, second);
    }

    @Test
    void installerAddedWhenAConnectorIsStarting() throws Exception {
        insertHandler();
        second.addEventListener(whenStarting(this::addInstaller));
        assertStartFails("ConnectionLimitInstaller", "ServerConnector@", "is running already", "lifeCycleStarting");
        assertInstallerLeftNothing();
    }

    @Test
    void installerAddedWhenAConnectorHasStarted() throws Exception {
        insertHandler();
        server.connector.addEventListener(whenStarted(() -> {
            // Its parts report their start to it, too.
            if (server.connector.isStarted()) {
                addInstaller();
            }
        }));
        assertStartFails("ConnectionLimitInstaller", "ServerConnector@", "is running already", "lifeCycleStarting");
        assertInstallerLeftNothing();
    }

    @Test
    void installerWhoseHandlerIsReplacedBeforeTheHandlersStart() throws Exception {
        server.server.addEventListener(whenStarting(this::addInstaller));
        server.server.addEventListener(whenStarting(() -> server.server.setHandler(application)));
        server.started();
        assertThat(server.server.getHandler()).isInstanceOf(ConnectionLimitHandler.class);
        assertAllLimited(server.connector, second);
    }

    @Test
    void installerThatFindsItsHandlerReplacedAmongStartedOnes() {
        GracefulHandler graceful = new GracefulHandler();
        server.server.insertHandler(graceful);
        graceful.insertHandler(new ConnectionLimitHandler());
        addInstaller();
        server.server.addEventListener(whenStarting(() -> graceful.setHandler(application)));
        assertStartFails("ConnectionLimitInstaller", "GracefulHandler", "after all handlers have been set");
    }

    @Test
    void installerWhoseHandlerIsReplacedAfterwards() throws Exception {
        addInstaller();
        Handler other = new GracefulHandler();
        server.server.addBean(beanThat(() -> server.server.setHandler(other)));
        server.started();
        assertThat(log.messages())
                .singleElement()
                .asString()
                .contains("Streams and forwarded clients of", "are not limited", "ConnectionLimitHandler");
    }

    @Test
    void installerThatNobodyStarts() throws Exception {
        server.server.addBean(installer, false);
        server.started();
        assertThat(log.messages())
                .singleElement()
                .asString()
                .contains("No connection of", "is limited", "add it as a managed bean");
    }

    @Test
    void installerRemovedWhileTheServerIsStarting() throws Exception {
        server.server.addEventListener(whenStarting(() -> server.server.removeBean(installer)));
        addInstaller();
        server.started();
        assertInstallerLeftNothing();
        assertThat(log.messages()).isEmpty();
    }

    // A listener

    @Test
    void listenerAddedByAListenerOfTheServer() throws Exception {
        insertHandler();
        server.server.addEventListener(whenStarting(this::addListener));
        server.started();
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("connlimit");
        assertAllLimited(server.connector);
    }

    @Test
    void listenerAddedByABeanBeforeTheHandlersStart() throws Exception {
        insertHandler();
        addBeanBeforeHandlers(beanThat(this::addListener));
        server.started();
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("connlimit");
        assertAllLimited(server.connector);
    }

    @Test
    void listenerAddedByABeanAfterTheHandlersHaveStarted() throws Exception {
        insertHandler();
        server.server.addBean(beanThat(this::addListener));
        server.started();
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("connlimit");
        assertAllLimited(server.connector);
    }

    @Test
    void listenerAddedByAListenerOfTheConnector() throws Exception {
        server.connector.addEventListener(whenStarting(this::addListener));
        assertStartFails("ConnectionLimitListener", "while it is starting", "lifeCycleStarting");
        assertListenerLeftNothing();
    }

    @Test
    void listenerAddedByABeanOfTheConnector() throws Exception {
        server.connector.addBean(beanThat(this::addListener));
        assertStartFails("ConnectionLimitListener", "while it is starting", "lifeCycleStarting");
        assertListenerLeftNothing();
    }

    @Test
    void listenerAddedWhenTheConnectorHasStarted() throws Exception {
        server.connector.addEventListener(whenStarted(() -> {
            // Its parts report their start to it, too.
            if (server.connector.isStarted()) {
                addListener();
            }
        }));
        assertStartFails("ConnectionLimitListener", "after its start");
        assertListenerLeftNothing();
    }

    private void assertListenerLeftNothing() {
        assertThat(server.connector.getBeans()).doesNotContain(listener);
        assertThat(server.connector.getEventListeners()).doesNotContain(listener);
        assertThat(server.connector.getProtocols()).containsExactly("http/1.1");
    }
}
