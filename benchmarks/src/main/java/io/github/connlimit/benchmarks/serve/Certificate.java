package io.github.connlimit.benchmarks.serve;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** A self-signed certificate with its private key, made anew, valid for a day. */
public final class Certificate {

    /** Guards a key store that never leaves the memory of this process. */
    static final String PASSWORD = "unused";

    private final KeyPair keys;
    private final X509Certificate certificate;

    private Certificate(KeyPair keys, X509Certificate certificate) {
        this.keys = keys;
        this.certificate = certificate;
    }

    public static Certificate create() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair keys = generator.generateKeyPair();
        X500Name name = new X500Name("CN=connlimit benchmark");
        Instant now = Instant.now();
        try {
            return new Certificate(
                    keys,
                    new JcaX509CertificateConverter()
                            .getCertificate(new JcaX509v3CertificateBuilder(
                                            name,
                                            new BigInteger(Long.SIZE, new SecureRandom()),
                                            Date.from(now.minus(Duration.ofMinutes(5))),
                                            Date.from(now.plus(Duration.ofDays(1))),
                                            name,
                                            keys.getPublic())
                                    .build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate()))));
        } catch (OperatorCreationException unsigned) {
            throw new GeneralSecurityException("cannot sign a certificate", unsigned);
        }
    }

    /** The certificate and its key, under {@link #PASSWORD}. */
    KeyStore keyStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry(
                "server", keys.getPrivate(), PASSWORD.toCharArray(), new java.security.cert.Certificate[] {certificate
                });
        return store;
    }

    /** Writes certificate and key to one file, as HAProxy and nginx read them. */
    public void writePem(Path file) throws GeneralSecurityException, IOException {
        Files.writeString(
                file,
                pem("CERTIFICATE", certificate.getEncoded())
                        + pem("PRIVATE KEY", keys.getPrivate().getEncoded()));
    }

    private static String pem(String type, byte[] bytes) {
        return "-----BEGIN " + type + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
                + "\n-----END " + type + "-----\n";
    }
}
