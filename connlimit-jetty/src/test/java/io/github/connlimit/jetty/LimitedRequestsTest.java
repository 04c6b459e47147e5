package io.github.connlimit.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Rejection;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.util.Map;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Request;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What no request of a running server provokes. */
class LimitedRequestsTest {

    private static final String PROXY = "127.0.0.9";

    /** An object that has answers to these methods only. */
    private static <T> T having(Class<T> type, Map<String, Object> answers) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, given) -> {
            Object answer = answers.get(method.getName());
            if (answer == null) {
                throw new IllegalStateException(method.getName());
            }
            return answer;
        }));
    }

    /** Of a client behind a proxy, on a connection that does not take listeners. */
    private static Request request() {
        EndPoint endPoint = having(
                EndPoint.class, Map.of("getRemoteSocketAddress", new InetSocketAddress(PROXY, 1), "isOpen", true));
        Connection connection = having(Connection.class, Map.of("getEndPoint", endPoint));
        ConnectionMetaData metaData = having(
                ConnectionMetaData.class,
                Map.of("getConnection", connection, "getRemoteSocketAddress", new InetSocketAddress("192.0.2.7", 2)));
        return having(Request.class, Map.of("getConnectionMetaData", metaData));
    }

    @ParameterizedTest
    @EnumSource
    void aRequestWhoseEndNobodyWouldTellDoesNotCount(ErrorPolicy policy) {
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(1)
                .exempt(PROXY)
                .onError(policy)
                .build());
        LimitedRequests requests = new LimitedRequests(new ConnectionGate<>(limiter));
        requests.start();
        for (int i = 1; i <= 3; i++) {
            assertThat(requests.admit(request(), null, false))
                    .isEqualTo(policy == ErrorPolicy.ADMIT ? null : Rejection.SERVER_LIMIT);
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
            assertThat(limiter.snapshot().errors()).isEqualTo(i);
        }
    }
}
