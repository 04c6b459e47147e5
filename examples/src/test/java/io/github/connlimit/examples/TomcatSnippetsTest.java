package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.github.connlimit.tomcat.ConnectionLimitValve;
import java.io.OutputStream;
import java.io.StringReader;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.catalina.Host;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.Server;
import org.apache.catalina.Service;
import org.apache.catalina.Valve;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Catalina;
import org.apache.catalina.startup.CatalinaBaseConfigurationSource;
import org.apache.catalina.startup.Tomcat;
import org.apache.catalina.valves.SemaphoreValve;
import org.apache.tomcat.util.digester.Digester;
import org.apache.tomcat.util.file.ConfigFileLoader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;

class TomcatSnippetsTest {

    private static final String SERVICE = """
            <Service name="Catalina">
              %s
              <Engine name="Catalina" defaultHost="localhost">
                <Host name="localhost" appBase="webapps"/>
              </Engine>
            </Service>
            """;

    private final Tomcat tomcat = new Tomcat();

    /** What was started. */
    private Server server;

    @TempDir
    Path base;

    @AfterEach
    void stop() throws Exception {
        server.stop();
        server.destroy();
    }

    @Test
    void limitsAConnector() throws Exception {
        int port = 0;
        ConnectionLimiter limiter = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(50).build());
        tomcat.setBaseDir(base.toString());
        // tag::tomcat-embedded[]
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setLimiter(limiter);
        Connector connector = new Connector(protocol);
        connector.setPort(port);
        connector.setThrowOnFailure(true); // otherwise Tomcat starts without a connector that cannot
        tomcat.setConnector(connector);
        // end::tomcat-embedded[]
        server = tomcat.getServer();
        addOk(tomcat.getHost());
        tomcat.start();

        LimitAssertions.assertLimit(50, limiter, connector.getLocalPort());
    }

    @Test
    void doesNotStartWithABadSetting() {
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setMaxPerClient("many");
        Connector connector = new Connector(protocol);
        connector.setPort(0);
        connector.setThrowOnFailure(true);
        tomcat.setBaseDir(base.toString());
        tomcat.setConnector(connector);
        server = tomcat.getServer();

        assertThatThrownBy(tomcat::start)
                .isInstanceOf(LifecycleException.class)
                .hasStackTraceContaining("maxPerClient: \"many\" is not allowed");
    }

    @Test
    void limitsAConnectorOfServerXml() throws Exception {
        Service service = start(SERVICE.formatted(Docs.snippet("server.xml-connector")));
        Connector connector = service.findConnectors()[0];
        ConnectionLimiter limiter = ((ConnectionLimitHttp11NioProtocol) connector.getProtocolHandler()).getLimiter();

        assertThat(limiter.limits().toSettings()).containsEntry("rules", "10.0.0.0/8=500, 192.0.2.10/32=unlimited");
        LimitAssertions.assertLimit(50, limiter, connector.getLocalPort());
    }

    @Test
    void limitsTheServiceOfAValveInServerXml() throws Exception {
        Path keyStore = base.resolve("localhost.p12");
        try (OutputStream out = Files.newOutputStream(keyStore)) {
            SelfSignedCertificate.create().keyStore().store(out, SelfSignedCertificate.PASSWORD.toCharArray());
        }
        Service service = start(Docs.snippet("server.xml-valve")
                .replace("conf/localhost.p12", keyStore.toString())
                .replace("changeit", SelfSignedCertificate.PASSWORD));
        int http = service.findConnectors()[0].getLocalPort();
        int https = service.findConnectors()[1].getLocalPort();
        ConnectionLimiter limiter =
                ((ConnectionLimitValve) service.getContainer().getPipeline().getValves()[0]).getLimiter();

        List<TestClient> clients = new ArrayList<>();
        try {
            LimitAssertions.open(30, clients, http, false);
            LimitAssertions.open(20, clients, https, true);
            assertThat(TestClient.admitted("127.0.0.2", http, false)).isEmpty();
            assertThat(TestClient.admitted("127.0.0.2", https, true)).isEmpty();
            assertThat(limiter.snapshot().openConnections()).isEqualTo(50);
        } finally {
            for (TestClient client : clients) {
                client.close();
            }
        }
        LimitAssertions.assertLimit(50, limiter, http);
    }

    @Test
    void countsTheRequestsOfAForwardedClient() throws Exception {
        String valves = Docs.snippet("server.xml-remote-ip")
                .replace("192\\.0\\.2\\.10", "127\\.0\\.0\\.2")
                .replace("192.0.2.10", "127.0.0.2");
        Service service = start(SERVICE.formatted("<Connector port=\"8080\""
                        + " protocol=\"io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol\"/>")
                .replace("<Host ", valves + "<Host "));
        Valve[] found = service.getContainer().getPipeline().getValves();
        ConnectionLimiter limiter = ((ConnectionLimitValve) found[1]).getLimiter();
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(1).build());
        int port = service.findConnectors()[0].getLocalPort();
        try (ConnectionPermit permit = limiter.acquire(InetAddress.getByName("192.0.2.1"));
                TestClient client = TestClient.connected("127.0.0.2", port, false)) {
            assertThat(permit).isNotNull();
            assertThat(client.get("/")).isEqualTo("200 OK\n");
            assertThat(client.request("GET", "/", "X-Forwarded-For: 192.0.2.1\r\n"))
                    .startsWith("429 ");
        }
    }

    @Test
    void limitsBesideASemaphoreValve() throws Exception {
        String valves = Docs.snippet("migrating-semaphore") + Docs.snippet("migrating-semaphore-connlimit");
        Service service = start(SERVICE.formatted("<Connector port=\"8080\""
                        + " protocol=\"io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol\"/>")
                .replace("<Host ", valves + "<Host "));
        Valve[] found = service.getContainer().getPipeline().getValves();
        assertThat(((SemaphoreValve) found[0]).getConcurrency()).isEqualTo(100);
        ConnectionLimiter limiter = ((ConnectionLimitValve) found[1]).getLimiter();
        LimitAssertions.assertLimit(20, limiter, service.findConnectors()[0].getLocalPort());
    }

    /** Starts this Service as Tomcat does from its server.xml, but on free ports. */
    private Service start(String service) throws Exception {
        ConfigFileLoader.setSource(new CatalinaBaseConfigurationSource(base.toFile(), null));
        ServerXml serverXml = new ServerXml();
        server = serverXml.read("<Server port=\"-1\">"
                + service.replace("\"8080\"", "\"0\"").replace("\"8443\"", "\"0\"") + "</Server>");
        server.setCatalina(serverXml);
        server.setCatalinaHome(base.toFile());
        server.setCatalinaBase(base.toFile());
        Service read = server.findServices()[0];
        addOk((Host) read.getContainer().findChild("localhost"));
        server.start();
        return read;
    }

    private void addOk(Host host) {
        StandardContext context = (StandardContext) tomcat.addContext(host, "", null);
        context.setClearReferencesRmiTargets(false);
        context.setClearReferencesThreadLocals(false);
        Tomcat.addServlet(context, "ok", new OkServlet()).addMapping("/");
    }

    private static final class ServerXml extends Catalina {

        Server read(String xml) throws Exception {
            Digester digester = createStartDigester();
            digester.push(this);
            digester.parse(new InputSource(new StringReader(xml)));
            return getServer();
        }
    }
}
