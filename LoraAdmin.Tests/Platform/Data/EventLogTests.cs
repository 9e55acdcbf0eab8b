using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data.Events;
using LoraAdmin.Tests.Platform.Vendors;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class EventLogTests
{
    [Fact]
    public async Task Line_NamesOnlyWhatTheFactIsOf()
    {
        OperationalEvent fact = new() { Kind = "tests.told", Message = "It is told", Actor = new Actor(ActorKind.Person, "ada") };
        JobId job = new(new Guid(7, 0, 0, new byte[8]));

        Assert.Equal("tests.told: It is told (by person:ada)", await LineAsync(fact));
        Assert.Equal($"tests.told: It is told (job {job}, attempt 2, pod p1, by person:ada)", await LineAsync(fact with { Job = job, Attempt = 2, Pod = "p1" }));
        Assert.Equal(
            "tests.told: It is told (by person:ada; x at runpod.create: no GPU; request r-1)",
            await LineAsync(fact with { Error = new ErrorDetail("x", "runpod.create", "no GPU", "r-1") }));
        Assert.Equal("tests.told: It is told (by person:ada; x at runpod.create)", await LineAsync(fact with { Error = new ErrorDetail("x", "runpod.create", "is told", null) }));
    }

    [Fact]
    public async Task Line_CanBeLookedForByWhatTheFactIsOf()
    {
        JobId job = new(new Guid(7, 0, 0, new byte[8]));
        OperationalEvent fact = new() { Kind = "tests.told", Message = "It is told", Actor = new Actor(ActorKind.Person, "ada") };
        Assert.Equal(["Kind", "Text", "Actor"], (await LogAsync(fact)).Properties.Keys);

        IReadOnlyDictionary<string, object?> all = (await LogAsync(fact with
        {
            Job = job,
            Attempt = 2,
            Pod = "p1",
            Error = new ErrorDetail("x", "runpod.create", "no GPU", "r-1"),
        })).Properties;

        object?[] expected = [job.ToString(), 2, "p1", "person:ada", "x", "r-1"];
        Assert.Equal(expected, new[] { "Job", "Attempt", "Pod", "Actor", "Code", "CorrelationId" }.Select(name => all[name]));
    }

    private static async Task<string> LineAsync(OperationalEvent fact) => Assert.Single((await LogAsync(fact)).Lines);

    private static async Task<RememberingLogger<EventLog>> LogAsync(OperationalEvent fact)
    {
        RememberingLogger<EventLog> logger = new();
        await new EventLog(logger).ConsumeAsync([new StoredEvent(1, Guid.Empty, DateTimeOffset.UnixEpoch, fact, 1)], CancellationToken.None);
        return logger;
    }
}
