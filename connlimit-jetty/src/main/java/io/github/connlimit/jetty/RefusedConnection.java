package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Executor;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * Answers a refused connection. Closing with unread input makes TCP reset the connection, which may destroy the answer
 * before the client has read it; so after the answer comes the end of the output, and then the input is read and thrown
 * away until it ends, within bounds. Tells no {@code Connection.Listener}: for Jetty's statistics there is no such
 * connection.
 */
final class RefusedConnection extends AbstractConnection {

    private static final int BUFFER_SIZE = 8192;

    private final RefusedChannel refused;
    private final ConnectionGate<?> gate;
    private final ByteBuffer input = BufferUtil.allocate(BUFFER_SIZE);
    private final Callback whenFillable;
    private int bytesRead;

    RefusedConnection(EndPoint endPoint, Executor executor, RefusedChannel refused, ConnectionGate<?> gate) {
        super(endPoint, executor);
        this.refused = refused;
        this.gate = gate;
        this.whenFillable =
                Callback.from(Invocable.InvocationType.NON_BLOCKING, this::onFillable, closedOrIdle -> refused.reset());
    }

    @Override
    public void onOpen() {
        if (!refused.opened(getEndPoint())) {
            getEndPoint().close();
            return;
        }
        try {
            if (getEndPoint().flush(Refusal.httpResponse())) {
                getEndPoint().shutdownOutput();
                onFillable();
            } else {
                // An empty send buffer that is too small for the answer: nothing to wait for.
                refused.reset();
            }
        } catch (IOException gone) {
            refused.reset();
        } catch (Throwable error) {
            refused.reset();
            gate.report("answering a refused connection failed", error);
        }
    }

    /** Called when there is input: reads all there is. */
    @Override
    public void onFillable() {
        try {
            int read;
            while ((read = getEndPoint().fill(input)) > 0) {
                BufferUtil.clear(input);
                bytesRead += read;
                if (bytesRead > RefusalBudget.MAX_LINGER_BYTES) {
                    refused.reset();
                    return;
                }
            }
            if (read == 0) {
                getEndPoint().fillInterested(whenFillable);
            } else {
                refused.close();
            }
        } catch (Throwable error) {
            refused.reset();
            gate.report("reading what a refused connection sent failed", error);
        }
    }
}
