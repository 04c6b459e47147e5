package io.github.connlimit.it;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** A server with a fault: its adapter never hears that a connection is closed, and leaves all to the sweep. */
final class DeafServer extends SocketServer implements ConnectionGate.Channels<Socket> {

    private static final long SWEEP_MILLIS = 50;

    private final ConnectionGate<Socket> gate;
    private ScheduledExecutorService sweeper;

    DeafServer(ServerSetup setup) throws GeneralSecurityException {
        super(setup);
        this.gate = new ConnectionGate<>(setup.limiter());
    }

    @Override
    ServerSocket newServerSocket() throws IOException {
        sweeper = Executors.newSingleThreadScheduledExecutor();
        sweeper.scheduleWithFixedDelay(() -> gate.sweep(this), 0, SWEEP_MILLIS, TimeUnit.MILLISECONDS);
        return new ServerSocket() {
            @Override
            public Socket accept() throws IOException {
                Socket accepted = super.accept();
                if (!gate.admit(accepted, accepted.getInetAddress())) {
                    accepted.close();
                }
                return accepted;
            }
        };
    }

    @Override
    void established(Socket accepted) {
        // It has no deadline.
    }

    @Override
    public void stop() throws IOException {
        super.stop();
        if (sweeper != null) {
            sweeper.shutdownNow();
            gate.releaseAll();
        }
    }

    @Override
    public boolean isOpen(Socket connection) {
        return !connection.isClosed();
    }

    @Override
    public boolean closeExpired(Socket connection, ConnectionPhase phase) {
        return true;
    }
}
