package io.github.connlimit.benchmarks.load;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** TLS with a full handshake each time; any certificate will do, as all traffic stays on this machine. Not thread-safe. */
final class TlsWire extends Wire {

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final SSLEngine engine;

    /** Ready for reading from. */
    private final ByteBuffer received;

    private final ByteBuffer toSend;

    TlsWire(SocketChannel channel, SSLContext context) throws IOException {
        super(channel);
        // Without a host there is no session to resume.
        engine = context.createSSLEngine();
        engine.setUseClientMode(true);
        received =
                ByteBuffer.allocate(engine.getSession().getPacketBufferSize()).limit(0);
        toSend = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
        engine.beginHandshake();
    }

    static SSLContext context() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {new AnyCertificate()}, new SecureRandom());
            return context;
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("a JDK without TLS", impossible);
        }
    }

    @Override
    boolean handshake() throws IOException {
        while (true) {
            switch (engine.getHandshakeStatus()) {
                case NEED_TASK -> engine.getDelegatedTask().run();
                case NEED_WRAP -> wrap(NOTHING);
                case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
                    if (!unwrapOrReceive(NOTHING)) {
                        return false;
                    }
                }
                case FINISHED, NOT_HANDSHAKING -> {
                    return true;
                }
            }
        }
    }

    @Override
    int read(ByteBuffer into) throws IOException {
        int before = into.position();
        try {
            while (unwrapOrReceive(into)) {
                if (into.position() > before && !received.hasRemaining()) {
                    break;
                }
            }
        } catch (EOFException end) {
            return into.position() > before ? into.position() - before : -1;
        }
        return into.position() - before;
    }

    /** One step further, or false if that takes more than has arrived. */
    private boolean unwrapOrReceive(ByteBuffer into) throws IOException {
        SSLEngineResult result = engine.unwrap(received, into);
        return switch (result.getStatus()) {
            case OK -> true;
            case BUFFER_UNDERFLOW -> receive();
            case BUFFER_OVERFLOW -> throw new IOException("a response larger than its buffer");
            case CLOSED -> throw new EOFException();
        };
    }

    private boolean receive() throws IOException {
        received.compact();
        try {
            int count = receive(received);
            if (count < 0) {
                throw new EOFException();
            }
            return count > 0;
        } finally {
            received.flip();
        }
    }

    @Override
    void write(ByteBuffer from) throws IOException {
        wrap(from);
    }

    private void wrap(ByteBuffer from) throws IOException {
        toSend.clear();
        SSLEngineResult result = engine.wrap(from, toSend);
        if (result.getStatus() != SSLEngineResult.Status.OK) {
            throw new IOException("TLS: " + result);
        }
        send(toSend.flip());
    }

    private static final class AnyCertificate implements X509TrustManager {

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
