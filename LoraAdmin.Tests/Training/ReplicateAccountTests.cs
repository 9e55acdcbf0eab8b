using LoraAdmin.Commands;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Web;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Vendors;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What the portal at its start, and <c>-- check</c>, say of the fallback's account.</summary>
[Trait("Requirement", "O3")]
public sealed class ReplicateAccountTests : IDisposable
{
    private const string Token = "r8_0123456789abcdef";
    private const string Absent = """{"detail":"The requested resource could not be found.","status":404}""";

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new(Token);
    private readonly MemoryDatabase database;
    private readonly ReplicateOptions options = new()
    {
        BaseUrl = "https://api.example.org/v1", ApiToken = Token, Model = "o/trainer", Version = new string('a', 64), Destination = "o/loras",
        ValidationModel = $"o/judge:{new string('b', 64)}",
    };

    private HostedRules rules = new(null, Usd.FromDollars(5.04m));

    public ReplicateAccountTests() => database = new MemoryDatabase(clock);

    private IncidentSignal? Last => database.Events.SelectMany(static fact => fact.Signals).LastOrDefault();

    public void Dispose()
    {
        vendor.Dispose();
        database.Dispose();
    }

    [Fact]
    public async Task Check_OfWhatIsThere_AsksForModelsAndSecretAndIsContent()
    {
        vendor.Answer(200, "{}").Answer(200, "{}").Answer(200, "{}").Answer(200, """{"key":"whsec_c2VjcmV0c2VjcmV0c2VjcmV0"}""");

        Assert.All(await CheckAsync(), static one => Assert.Null(one.Problem));
        Assert.Equal(
            [
                $"/v1/models/o/trainer/versions/{options.Version}", "/v1/models/o/loras", $"/v1/models/o/judge/versions/{new string('b', 64)}",
                "/v1/webhooks/default/secret",
            ],
            vendor.Requests.Select(static one => one.Uri.AbsolutePath));
        Assert.All(vendor.Requests, static one => Assert.Equal("GET", one.Method));
    }

    [Fact]
    public async Task Check_WithAConfiguredSecretAndNoValidationModel_DoesNotAskForThem()
    {
        options.ValidationModel = "";
        options.WebhookSecret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0";
        vendor.Answer(200, "{}");

        Assert.All(await CheckAsync(), static one => Assert.Null(one.Problem));
        Assert.Equal(2, vendor.Requests.Count);
    }

    [Theory]
    [InlineData(404, Absent, "Replicate does not know Replicate:Destination o/loras. Make this model at Replicate, which must be there before the first training, or correct the key.")]
    [InlineData(401, "{}", "Replicate does not accept the token. Set a valid Replicate:ApiToken.")]
    [InlineData(403, """{"detail":"not yours"}""", "Replicate's token may not do that: not yours. Set a Replicate:ApiToken of the account that trains.")]
    [InlineData(429, """{"detail":"Request was throttled."}""", "Replicate was asked too often: Request was throttled. Try again in a minute.")]
    [InlineData(500, """{"detail":"broken"}""", "Replicate gave no answer that could be used: broken. Try again; if it stays so, check Replicate:BaseUrl and the network.")]
    public async Task Check_OfADestinationThatCanNotBeSeen_SaysWhyAndWhatToDo(int status, string body, string words)
    {
        vendor.Answer(200, "{}").Answer(status, body);

        Assert.Equal(words, (await CheckAsync()).Single(static one => one.Name == "destination").Problem);
    }

    [Fact]
    public async Task Check_OfAVersionThatIsNotThere_NamesModelAndVersion()
    {
        vendor.Answer(404, Absent).Answer(200, "{}");

        string? problem = (await CheckAsync()).Single(static one => one.Name == "replicate").Problem;
        Assert.Contains("Replicate:Model o/trainer that Replicate:Version names", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_OfAValidationModelThatIsNotThere_SaysThatItCanBeLeftOut()
    {
        vendor.Answer(200, "{}").Answer(200, "{}").Answer(404, Absent).Answer(200, "{}");

        string? problem = (await CheckAsync()).Single(static one => one.Name == "validation").Problem;
        Assert.Equal(
            $"Replicate does not know Replicate:ValidationModel {options.ValidationModel}. Copy it from the model's page at Replicate, or empty the key: LoRAs then complete as not validated.",
            problem);
    }

    [Fact]
    public async Task Check_OfAnAccountThatCanNotBeReached_NamesAddressAndNetwork()
    {
        vendor.Throw(new HttpRequestException(HttpRequestError.ConnectionError, "connection refused"));

        Assert.All(await CheckAsync(), static one => Assert.EndsWith("Check Replicate:BaseUrl and the network.", one.Problem, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_WithoutTheDestination_IsAnIncidentWithItsRemedyUntilItIsThere()
    {
        HostedAccountWatch watch = new(database, Account(), clock, () => rules);
        vendor.Answer(200, "{}").Answer(404, Absent).Answer(200, "{}").Answer(404, Absent).Answer(200, "{}").Answer(404, Absent).Answer(200, "{}");

        Assert.Equal(TimeSpan.FromMinutes(5), await watch.LookAsync(CancellationToken.None));
        Assert.Equal((HostedIncidents.Account, "replicate", false), (Last!.Rule, Last.Subject, Last.Over));
        Assert.StartsWith("Replicate does not know Replicate:Destination o/loras. Make this model at Replicate", Last.Text, StringComparison.Ordinal);
        await watch.LookAsync(CancellationToken.None);
        Assert.Single(database.Events);

        // Another instance that is configured otherwise may have ended it meanwhile.
        clock.Advance(TimeSpan.FromMinutes(10));
        await watch.LookAsync(CancellationToken.None);
        Assert.Equal([false, false], database.Events.SelectMany(static fact => fact.Signals).Select(static signal => signal.Over));

        Assert.Equal(TimeSpan.FromHours(1), await watch.LookAsync(CancellationToken.None));
        Assert.True(Last!.Over);
    }

    [Fact]
    public async Task Start_WhileTheAccountCanNotBeReached_IsToldAtTheSecondLookAndEndsByItself()
    {
        HostedAccountWatch watch = new(database, Account(), clock, () => rules);
        HttpRequestException refused = new(HttpRequestError.ConnectionError, "connection refused");
        vendor.Throw(refused).Throw(refused).Throw(refused).Answer(200, "{}");

        Assert.Equal(TimeSpan.FromMinutes(1), await watch.LookAsync(CancellationToken.None));
        Assert.Empty(database.Events);
        await watch.LookAsync(CancellationToken.None);
        await watch.LookAsync(CancellationToken.None);
        Assert.False(Assert.Single(Assert.Single(database.Events).Signals).Over);
        Assert.StartsWith("Replicate can't be reached:", Last!.Text, StringComparison.Ordinal);

        await watch.LookAsync(CancellationToken.None);
        Assert.True(Last!.Over);
    }

    [Fact]
    public async Task Start_WithoutTheValidationModel_IsAnIncidentOfItsOwn_ForTrainingsAreMade()
    {
        HostedAccountWatch watch = new(database, Account(), clock, () => rules);
        vendor.Answer(404, Absent).Answer(200, "{}").Answer(200, "{}").Answer(404, Absent).Answer(200, "{}");
        await watch.LookAsync(CancellationToken.None);
        Assert.Equal([(HostedIncidents.Account, false)], SignalsOfLast());

        Assert.Equal(TimeSpan.FromMinutes(5), await watch.LookAsync(CancellationToken.None));
        Assert.Equal([(HostedIncidents.Account, true), (HostedIncidents.ValidationModel, false)], SignalsOfLast());
        Assert.Equal(EventSeverity.Warning, database.Events[^1].Severity);

        Assert.Equal(TimeSpan.FromHours(1), await watch.LookAsync(CancellationToken.None));
        Assert.Equal([(HostedIncidents.Account, true), (HostedIncidents.ValidationModel, true)], SignalsOfLast());
    }

    [Fact]
    public async Task Start_AfterTheFallbackWasTakenOutOfTheConfiguration_ClosesItsIncidents()
    {
        HostedAccountWatch watch = new(database, Account(), clock, () => rules);
        vendor.Answer(404, Absent);
        await watch.LookAsync(CancellationToken.None);
        rules = rules with { WhyNot = "Replicate is not configured: set Replicate:ApiToken" };
        int asked = vendor.Requests.Count;

        await watch.LookAsync(CancellationToken.None);
        Assert.Equal([(HostedIncidents.Account, true), (HostedIncidents.ValidationModel, true), (TrainingIncidents.CreateRefused, true)], SignalsOfLast());
        Assert.Equal(asked, vendor.Requests.Count);

        int told = database.Events.Count;
        await watch.LookAsync(CancellationToken.None);
        Assert.Equal(told, database.Events.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Replicate is not configured: set Replicate:ApiToken")]
    public async Task Start_OfWhatIsWell_EndsWhatAnotherPortalHasTold_AndElseSaysNothing(string? whyNot)
    {
        vendor.Answer(200, "{}");
        rules = rules with { WhyNot = whyNot };
        await NewWatch().LookAsync(CancellationToken.None);
        Assert.Empty(database.Events);

        await RaiseAsync(HostedIncidents.Account, "replicate");
        await RaiseAsync(HostedIncidents.ValidationModel, "replicate");
        await NewWatch().LookAsync(CancellationToken.None);
        Assert.All([HostedIncidents.Account, HostedIncidents.ValidationModel], rule => Assert.Contains(database.Events[^1].Signals, signal => signal.Rule == rule && signal.Ends("replicate")));

        int told = database.Events.Count;
        await NewWatch().LookAsync(CancellationToken.None);
        Assert.Equal(told, database.Events.Count);
    }

    /// <summary>Token, trainer, destination and input field are what a refusal is about.</summary>
    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Start_WithAnotherConfiguration_EndsWhatWasRefusedUnderTheOneBefore()
    {
        vendor.Answer(200, "{}");
        rules = rules with { Mark = MarkOf(static _ => { }) };
        await RaiseAsync(TrainingIncidents.CreateRefused, $"replicate/{rules.Mark}");
        await RaiseAsync(TrainingIncidents.CreateRefused, "runpod");
        await NewWatch().LookAsync(CancellationToken.None);
        Assert.Equal(2, database.Events.Count);

        foreach (Action<ReplicateOptions> change in new Action<ReplicateOptions>[]
        {
            static one => one.ApiToken = "r8_another", static one => one.Model = "o/other", static one => one.Version = new string('c', 64),
            static one => one.Destination = "o/others", static one => one.InputField = "images_zip",
        })
        {
            rules = rules with { Mark = MarkOf(change) };
            await NewWatch().LookAsync(CancellationToken.None);

            IncidentSignal over = Assert.Single(database.Events[^1].Signals);
            Assert.True(over.Rule == TrainingIncidents.CreateRefused && over.Ends($"replicate/{MarkOf(static _ => { })}") && over.Ends("replicate"));
            Assert.False(over.Ends("runpod") || over.Ends($"replicate/{rules.Mark}"));
            await RaiseAsync(TrainingIncidents.CreateRefused, $"replicate/{MarkOf(static _ => { })}");
        }

        rules = rules with { Mark = MarkOf(static one => one.UsdPerSecond = 1) };
        int told = database.Events.Count;
        await NewWatch().LookAsync(CancellationToken.None);
        Assert.Equal(told, database.Events.Count);
    }

    [Fact]
    public async Task Start_WithTheDatabaseAway_IsToldAtTheNextLook()
    {
        vendor.Answer(404, Absent);
        OneFailure away = new(database);
        HostedAccountWatch watch = new(away, Account(), clock, () => rules);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => watch.LookAsync(CancellationToken.None));

        await watch.LookAsync(CancellationToken.None);
        Assert.Single(database.Events);
    }

    private List<(string Rule, bool Over)> SignalsOfLast() => [.. database.Events[^1].Signals.Select(static signal => (signal.Rule, signal.Over))];

    private HostedAccountWatch NewWatch() => new(database, Account(), clock, () => rules);

    private Task RaiseAsync(string rule, string subject)
    {
        OperationalEvent fact = new() { Kind = "tests.raised", Message = "wrong", Actor = Actor.Portal("another"), Signals = [new IncidentSignal(rule, subject, "wrong")] };
        return database.RunAsync((unit, token) => unit.Events.AppendAsync(fact, token), CancellationToken.None);
    }

    private string MarkOf(Action<ReplicateOptions> change)
    {
        ReplicateOptions changed = new()
        {
            BaseUrl = options.BaseUrl, ApiToken = options.ApiToken, Model = options.Model, Version = options.Version, Destination = options.Destination,
        };
        change(changed);
        return ReplicateRegistration.RulesOf(changed, new PortalOptions { PublicUrl = "https://portal.example.org" }).Mark;
    }

    private ReplicateAccount Account() => new(
        new ReplicateClient(vendor.Client(), Options.Create(options), new OpenGate(), static _ => null, clock, NullLogger<ReplicateClient>.Instance), Options.Create(options));

    private async Task<List<(string Name, string? Problem)>> CheckAsync()
    {
        await using ServiceProvider services = new ServiceCollection().AddSingleton(Account()).BuildServiceProvider();
        List<(string, string?)> answers = [];
        foreach (CheckedPart part in ReplicateChecks.Of(services))
        {
            answers.Add((part.Name, await part.TryAsync(CancellationToken.None)));
        }

        return answers;
    }

    /// <summary>A database that does not answer once.</summary>
    private sealed class OneFailure(IUnitOfWork inner) : IUnitOfWork
    {
        private bool failed;

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
        {
            bool first = !failed;
            failed = true;
            return first ? throw new StoreUnavailableException("The database did not answer.") : inner.RunAsync(work, cancellationToken);
        }

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => inner.ReadAsync(read, cancellationToken);
    }
}
