package io.github.connlimit.testing;

import java.io.IOException;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * A self-signed certificate for {@code localhost} and {@code 127.0.0.1}, made once in each JVM, and both ends of a TLS
 * connection with it. This class is thread-safe.
 */
public final class TestCertificate {

    /** The alias of the key. */
    public static final String ALIAS = "server";

    /** The password of the key, and of the files that {@link #write} makes. */
    public static final String PASSWORD = "changeit";

    private static final KeyStore KEY_STORE = newKeyStore();

    private TestCertificate() {}

    /** {@return a key store with the certificate and its key} */
    public static KeyStore keyStore() {
        return KEY_STORE;
    }

    /**
     * {@return the certificate and its key}
     *
     * @throws GeneralSecurityException if this JVM cannot
     */
    public static KeyManagerFactory keys() throws GeneralSecurityException {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(KEY_STORE, PASSWORD.toCharArray());
        return keys;
    }

    /**
     * {@return what a server needs}
     *
     * @throws GeneralSecurityException if this JVM cannot
     */
    public static SSLContext serverContext() throws GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys().getKeyManagers(), null, null);
        return context;
    }

    /**
     * {@return what a client needs that trusts this certificate and no other}
     *
     * @throws GeneralSecurityException if this JVM cannot
     */
    public static SSLContext clientContext() throws GeneralSecurityException {
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(KEY_STORE);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /**
     * Writes certificate and key to a PKCS #12 file.
     *
     * @param file is replaced
     * @throws GeneralSecurityException if this JVM cannot
     * @throws IOException if the file cannot be written
     */
    public static void write(Path file) throws GeneralSecurityException, IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            KEY_STORE.store(out, PASSWORD.toCharArray());
        }
    }

    /**
     * Writes certificate and key to one PEM file, as HAProxy and nginx read them.
     *
     * @param file is replaced
     * @throws GeneralSecurityException if this JVM cannot
     * @throws IOException if the file cannot be written
     */
    public static void writePem(Path file) throws GeneralSecurityException, IOException {
        Files.writeString(
                file,
                pem("CERTIFICATE", KEY_STORE.getCertificate(ALIAS).getEncoded())
                        + pem(
                                "PRIVATE KEY",
                                KEY_STORE.getKey(ALIAS, PASSWORD.toCharArray()).getEncoded()));
    }

    private static String pem(String type, byte[] bytes) {
        return "-----BEGIN " + type + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
                + "\n-----END " + type + "-----\n";
    }

    private static KeyStore newKeyStore() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(256);
            KeyPair pair = generator.generateKeyPair();
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry(ALIAS, pair.getPrivate(), PASSWORD.toCharArray(), new Certificate[] {sign(pair)});
            // For the clients, which share the store.
            store.setCertificateEntry("trusted", store.getCertificate(ALIAS));
            return store;
        } catch (GeneralSecurityException | IOException | OperatorCreationException error) {
            throw new IllegalStateException("making a certificate failed", error);
        }
    }

    private static Certificate sign(KeyPair pair)
            throws GeneralSecurityException, IOException, OperatorCreationException {
        X500Name name = new X500Name("CN=localhost");
        Instant now = Instant.now();
        GeneralName[] names = {
            new GeneralName(GeneralName.dNSName, "localhost"), new GeneralName(GeneralName.iPAddress, "127.0.0.1")
        };
        var builder = new JcaX509v3CertificateBuilder(
                        name,
                        BigInteger.ONE,
                        Date.from(now.minus(Duration.ofDays(1))),
                        Date.from(now.plus(Duration.ofDays(1))),
                        name,
                        pair.getPublic())
                .addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
        var signer = new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate());
        return new JcaX509CertificateConverter().getCertificate(builder.build(signer));
    }
}
