package import Foundation

// A certificate for localhost that vouches for itself, and its key: for tests alone, good for nothing else.

package enum TestCertificate {
    package struct Files {
        package let directory: URL
        package var certificate: String { directory.appendingPathComponent("certificate.pem").path }
        package var key: String { directory.appendingPathComponent("key.pem").path }
        package func remove() { try? FileManager.default.removeItem(at: directory) }
    }

    package static func write() throws -> Files {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let files = Files(directory: directory)
        try Data(certificate.utf8).write(to: URL(fileURLWithPath: files.certificate))
        try Data(key.utf8).write(to: URL(fileURLWithPath: files.key))
        return files
    }

    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUGgAwIBAgIUUSKt3VjKNeCNhGiKxMmdPTwy3OEwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA4NDYwNVoYDzIxMjYxMDI4
        MDg0NjA1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASBs1Ysvo5nWtoeNefACBYehAPcQ7/pZF7yOdCd/Zl3rbnH3PiB025m
        VTxSiHobgbJy6w+vCfCfdyAVpgK1/lSMo28wbTAdBgNVHQ4EFgQUv0rJ0xBmWIvP
        fBk6J4XbcN3W+WIwHwYDVR0jBBgwFoAUv0rJ0xBmWIvPfBk6J4XbcN3W+WIwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDRwAwRAIgZ4DridEm7Qopp4YUscvfjve57R1q86Vqs52MlWAFfqcCIB98
        bClVlwRCoZqlR/G5ZlJ5QbBR93Lt7XRCCCP+7o54
        -----END CERTIFICATE-----

        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+/b3XPYcC8JJ54tl
        m3OE7twXPyZeG2kCobWQupffw22hRANCAASBs1Ysvo5nWtoeNefACBYehAPcQ7/p
        ZF7yOdCd/Zl3rbnH3PiB025mVTxSiHobgbJy6w+vCfCfdyAVpgK1/lSM
        -----END PRIVATE KEY-----

        """
}
