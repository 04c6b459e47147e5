package io.github.connlimit.jetty;

import io.github.connlimit.testing.TestCertificate;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** Both ends of TLS connections, in the types of Jetty. */
final class TestTls {

    private TestTls() {}

    static SslContextFactory.Server serverContext() {
        SslContextFactory.Server context = new SslContextFactory.Server();
        context.setKeyStore(TestCertificate.keyStore());
        context.setKeyStorePassword(TestCertificate.PASSWORD);
        context.setCertAlias(TestCertificate.ALIAS);
        return context;
    }

    /** A TLS client on top of a connection, before the handshake. */
    static SSLSocket client(Socket below) throws GeneralSecurityException, IOException {
        return (SSLSocket) TestCertificate.clientContext()
                .getSocketFactory()
                .createSocket(below, "localhost", below.getPort(), true);
    }

    /** As {@link #client(Socket)}, asking for one protocol by ALPN. */
    static SSLSocket client(Socket below, String protocol) throws GeneralSecurityException, IOException {
        SSLSocket client = client(below);
        SSLParameters parameters = client.getSSLParameters();
        parameters.setApplicationProtocols(new String[] {protocol});
        client.setSSLParameters(parameters);
        return client;
    }

    /** For Jetty's own client. */
    static SslContextFactory.Client clientContext() throws GeneralSecurityException {
        SslContextFactory.Client context = new SslContextFactory.Client();
        context.setSslContext(TestCertificate.clientContext());
        return context;
    }
}
