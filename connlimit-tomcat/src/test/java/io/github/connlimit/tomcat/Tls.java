package io.github.connlimit.tomcat;

import io.github.connlimit.testing.TestCertificate;
import java.security.GeneralSecurityException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.apache.catalina.connector.Connector;
import org.apache.coyote.http2.Http2Protocol;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;

/** Both ends of TLS connections, in the types of Tomcat. */
final class Tls {

    private Tls() {}

    static void enable(Connector connector) {
        SSLHostConfig config = new SSLHostConfig();
        SSLHostConfigCertificate certificate =
                new SSLHostConfigCertificate(config, SSLHostConfigCertificate.Type.UNDEFINED);
        certificate.setCertificateKeystore(TestCertificate.keyStore());
        certificate.setCertificateKeystorePassword(TestCertificate.PASSWORD);
        certificate.setCertificateKeyAlias(TestCertificate.ALIAS);
        config.addCertificate(certificate);
        connector.addSslHostConfig(config);
        connector.setSecure(true);
        connector.setScheme("https");
        connector.setProperty("SSLEnabled", "true");
    }

    /** Lets the connector speak HTTP/2 too. */
    static void enableWithHttp2(Connector connector) {
        enable(connector);
        connector.addUpgradeProtocol(new Http2Protocol());
    }

    static SSLContext context() throws GeneralSecurityException {
        return TestCertificate.clientContext();
    }

    /** Speaks TLS on an open connection. */
    static Client client(Client plain) throws Exception {
        return client(plain, new String[0]);
    }

    /** Speaks TLS on an open connection, and has completed the handshake when it returns. */
    static Client client(Client plain, String... protocols) throws Exception {
        SSLSocket socket = (SSLSocket)
                context().getSocketFactory().createSocket(plain.socket, "localhost", plain.socket.getPort(), true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setApplicationProtocols(protocols);
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        return plain.tls(socket);
    }
}
