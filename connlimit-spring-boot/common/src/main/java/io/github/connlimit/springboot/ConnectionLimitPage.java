package io.github.connlimit.springboot;

import io.github.connlimit.page.PageResponse;
import io.github.connlimit.page.StatusPage;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.web.WebEndpointResponse;
import org.springframework.boot.actuate.endpoint.web.annotation.EndpointWebExtension;
import org.springframework.lang.Nullable;
import org.springframework.util.MimeType;

/**
 * The page {@code connlimit/page} of Actuator, with what its endpoint may show: clients only where {@code show-clients}
 * allows it. This class is thread-safe.
 *
 * @since 0.1.0
 */
@EndpointWebExtension(endpoint = ConnectionLimitEndpoint.class)
public final class ConnectionLimitPage {

    private final StatusPage page;
    private final ConnectionLimitEndpointProperties properties;

    ConnectionLimitPage(StatusPage page, ConnectionLimitEndpointProperties properties) {
        this.page = page;
        this.properties = properties;
    }

    /**
     * Answers with the page or its figures.
     *
     * @param part {@code page}; there is no other
     * @param view {@code data} for the figures
     * @param security who asks
     * @return status 200, or 404 for another part
     */
    @ReadOperation(produces = {"text/html", "application/json"})
    public WebEndpointResponse<byte[]> page(@Selector String part, @Nullable String view, SecurityContext security) {
        if (!part.equals("page")) {
            return new WebEndpointResponse<>(WebEndpointResponse.STATUS_NOT_FOUND);
        }
        String query = "data".equals(view) ? "view=data" : null;
        PageResponse answer = properties.showClients().isShown(security, properties.roles())
                ? page.answer("GET", query)
                : page.answerWithoutClients("GET", query);
        // Actuator takes no other header fields; the page has its Content-Security-Policy in itself.
        MimeType type = MimeType.valueOf(answer.headers().get("Content-Type"));
        return new WebEndpointResponse<>(answer.bytes(), answer.status(), type);
    }
}
