package io.github.connlimit.page;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/** The page itself, the same for everybody: HTML with its style and script in it, and the policy that allows only these. */
final class Document {

    private final String html;
    private final String policy;

    Document() {
        String style = resource("page.css");
        String script = resource("page.js");
        policy = "default-src 'none'; script-src 'sha256-" + sha256(script) + "'; style-src 'sha256-" + sha256(style)
                + "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
                + " require-trusted-types-for 'script'; trusted-types 'none'";
        html = resource("page.html")
                .replace("${policy}", policy)
                .replace("${style}", style)
                .replace("${script}", script);
    }

    /** With the policy in it, for servers that send the body only. */
    String html() {
        return html;
    }

    /** A browser takes {@code frame-ancestors} from the header field only. */
    String policy() {
        return policy + "; frame-ancestors 'none'";
    }

    private static String resource(String name) {
        try (InputStream in = Document.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException error) {
            throw new UncheckedIOException(name, error);
        }
    }

    private static String sha256(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encodeToString(hash);
        } catch (NoSuchAlgorithmException everyJavaHasIt) {
            throw new IllegalStateException(everyJavaHasIt);
        }
    }
}
