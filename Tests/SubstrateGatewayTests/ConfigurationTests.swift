import NIOHPACK
import Testing

@testable import SubstrateGateway

@Suite("What the gateway's configuration can't be")
struct ConfigurationTests {
    private func fault(_ change: (inout GatewayConfiguration) -> Void) -> String? {
        var configuration = GatewayConfiguration(host: "127.0.0.1", port: 10_443, upstream: .init(host: "api.ate-system.svc", port: 443))
        change(&configuration)
        do throws(GatewayConfiguration.Fault) { try configuration.validate() } catch { return error.field }
        return nil
    }

    @Test("refusals name the field")
    func refusals() {
        #expect(fault { _ in } == nil)
        #expect(fault { $0.port = 70_000 } == "listen")
        #expect(fault { $0.host = "0.0.0.0" } == "listen")
        #expect(fault { $0.host = "127.corp.example" } == "listen", "a name is no address of this machine, whatever it begins with")
        for host in ["localhost", "127.3.2.1", "::1"] { #expect(fault { $0.host = host } == nil, "\(host)") }
        #expect(fault { $0.upstream.port = 0 } == "upstream.address")
        #expect(fault { $0.parkSeconds = 4_000 } == "parkSeconds")
        #expect(fault { $0.reconcileSeconds = 1 } == "reconcileSeconds")
        #expect(fault { $0.limits.calls = 0 } == "limits.calls")
        #expect(fault { $0.pools = ["demo/counter": "pool-a"] } == "pools")
    }

    @Test(
        "deadlines of any unit, and nothing that isn't one",
        arguments: [
            ("100m", 100_000_000), ("15S", 15_000_000_000), ("2M", 120_000_000_000), ("1H", 3_600_000_000_000), ("5u", 5_000), ("7n", 7),
            ("99999999H", 360_000_000_000_000_000), ("123456789S", nil), ("S", nil), ("-1S", nil), ("1", nil), ("1x", nil), ("", nil),
        ] as [(String, Int64?)])
    func timeouts(_ text: String, _ nanoseconds: Int64?) {
        #expect(GRPCWire.timeout(["grpc-timeout": text])?.nanoseconds == nanoseconds)
    }

    @Test("status texts are percent-coded, and come back as they were")
    func texts() {
        for text in ["no free workers available", "100 % of ü", "a\nb", "%", "%zz", ""] {
            #expect(GRPCWire.decoded(GRPCWire.encoded(text)) == text)
        }
        #expect(GRPCWire.decoded("%zz%2") == "%zz%2")
    }

    @Test("an own call keeps a caller's metadata in its order, without its deadline")
    func headers() {
        let caller: HPACKHeaders = [
            ":method": "POST", ":scheme": "https", ":path": "/ateapi.Control/ResumeActor", ":authority": "x", "te": "trailers",
            "grpc-timeout": "15S", "traceparent": "t", "authorization": "Bearer b",
        ]
        let own = ResumeDesk.upstream(caller, .getActor)
        #expect(
            own.map(\.name) == [":method", ":scheme", ":path", ":authority", "te", "traceparent", "authorization"]
                && own.first(name: ":path") == "/ateapi.Control/GetActor")
    }

    @Test("the exact texts alone are what they seem")
    func verdicts() {
        #expect(ResumeVerdict(.failedPrecondition, "no free workers available") == .noFreeWorker)
        #expect(ResumeVerdict(.failedPrecondition, "no free workers available.") == .failed)
        #expect(ResumeVerdict(.unavailable, "no free workers available") == .failed)
        #expect(ResumeVerdict(.failedPrecondition, ResumeVerdict.noEligiblePoolText) == .noEligiblePool)
        #expect(ResumeVerdict(.aborted, "another operation is in progress for this actor") == .busy)
        #expect(ResumeVerdict(.notFound, "Actor x not found") == .refused)
    }
}
