package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Executor;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.IteratingCallback;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * Answers a refused connection. If a socket is closed with unread input, TCP resets the connection, and the client may
 * lose the answer. So this connection answers, shuts its output down, and then reads and discards the input until it
 * ends, within bounds. It notifies no {@code Connection.Listener}: Jetty's statistics do not see it.
 */
final class RefusedConnection extends AbstractConnection implements Connection.UpgradeTo {

    private static final int BUFFER_SIZE = 8192;

    private final RefusedChannel refused;
    private final Answer answer;
    private final ConnectionGate<?> gate;
    private final ByteBuffer input = BufferUtil.allocate(BUFFER_SIZE);
    private final Exchange exchange = new Exchange();
    private final Callback whenFillable;
    private boolean outputShut;
    private int bytesRead;

    RefusedConnection(
            EndPoint endPoint, Executor executor, RefusedChannel refused, Answer answer, ConnectionGate<?> gate) {
        super(endPoint, executor);
        this.refused = refused;
        this.answer = answer;
        this.gate = gate;
        this.whenFillable =
                Callback.from(Invocable.InvocationType.NON_BLOCKING, this::onFillable, closedOrIdle -> refused.reset());
    }

    /** Discards what came together with a PROXY header: it is clear text, and the answer does not depend on it. */
    @Override
    public void onUpgradeTo(ByteBuffer buffer) {
        BufferUtil.clear(buffer);
    }

    @Override
    public void onOpen() {
        if (!refused.opened(getEndPoint())) {
            getEndPoint().close();
            return;
        }
        exchange.iterate();
    }

    @Override
    public void onFillable() {
        exchange.iterate();
    }

    /** Reads all available input, and sends what there is to be said to it. */
    private final class Exchange extends IteratingCallback {

        @Override
        protected Action process() throws IOException {
            if (answer.isComplete() && !outputShut) {
                outputShut = true;
                getEndPoint().shutdownOutput();
            }
            while (true) {
                if (isSending()) {
                    return Action.SCHEDULED;
                }
                int read = getEndPoint().fill(input);
                if (read < 0) {
                    refused.close();
                    return Action.SUCCEEDED;
                }
                // With nothing to read, a handshake may have just been completed: some clients wait for the first word.
                if (read == 0 && !isSending()) {
                    getEndPoint().fillInterested(whenFillable);
                    return Action.IDLE;
                }
                if (read == 0) {
                    return Action.SCHEDULED;
                }
                bytesRead += read;
                if (bytesRead > RefusalBudget.MAX_LINGER_BYTES) {
                    refused.reset();
                    return Action.SUCCEEDED;
                }
            }
        }

        private boolean isSending() throws IOException {
            ByteBuffer response = answer.isComplete() ? null : answer.to(input);
            BufferUtil.clear(input);
            if (response == null || !response.hasRemaining()) {
                return false;
            }
            getEndPoint().write(this, response);
            return true;
        }

        @Override
        protected void onCompleteFailure(Throwable error) {
            end(error);
        }

        @Override
        public InvocationType getInvocationType() {
            return InvocationType.NON_BLOCKING;
        }
    }

    private void end(Throwable error) {
        refused.reset();
        // An IOException means that the client is gone or has not completed the handshake: not our error.
        if (!(error instanceof IOException)) {
            gate.report("answering a refused connection failed", error);
        }
    }
}
