using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>What callers must show: the vendor's API key, and the token of the control routes when LocalCloud is its own process.</summary>
public sealed record LocalCloudKeys(string ApiKey, string ControlToken)
{
    public override string ToString() => nameof(LocalCloudKeys);
}

/// <summary>
/// LocalCloud's HTTP faces without a server: RunPod's REST v2 and GraphQL, the pods' agents, Replicate, and the control routes. Lets one call at a time
/// into the world, moves it to the present, and answers only after the journal has what changed. Completes synchronously when the body does.
/// </summary>
public sealed class LocalCloudFace
{
    public const string Prefix = "/localcloud";
    private const string RunPodPrefix = Prefix + "/runpod/";
    private const string AgentPrefix = Prefix + "/agents/";
    private const string ReplicatePrefix = Prefix + "/replicate/";
    private const int MaxJsonBytes = 1024 * 1024;
    private readonly Lock gate = new();
    private readonly LocalCloudOptions options;
    private readonly TimeProvider clock;
    private readonly RunPodFace runPod;
    private readonly AgentFace agent;
    private readonly ReplicateFace replicate;
    private readonly ControlFace control;

    /// <param name="journal">Loaded here; what happened since its last line is played forward.</param>
    /// <param name="inputs">How Replicate fetches what an input points at; null: every link is dead.</param>
    public LocalCloudFace(
        LocalCloudOptions options, LocalCloudKeys keys, TimeProvider clock, IIds ids, ILocalCloudJournal journal, FetchInput? inputs = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(clock);
        this.options = options;
        this.clock = clock;
        World = new LocalCloudWorld(options, ids, journal, clock.GetUtcNow());
        runPod = new RunPodFace(World, options, keys);
        agent = new AgentFace(World, options);
        replicate = new ReplicateFace(World, options, keys, inputs ?? (static (_, _) => Task.FromResult<byte[]?>(null)));
        control = new ControlFace(World);
    }

    /// <summary>The state behind the faces. For tests and the simulation, which own the only thread.</summary>
    public LocalCloudWorld World { get; }

    /// <summary>Raised for every vendor call, whoever makes it, before it is answered. For tests, which look who asks for more than an answer.</summary>
    public event Action<VendorRequest>? Asked;

    /// <summary>Answers a vendor call: everything below <c>/localcloud/runpod</c>, <c>/localcloud/agents</c> and <c>/localcloud/replicate</c>.</summary>
    public async Task<VendorResponse> HandleAsync(VendorRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Asked?.Invoke(request);
        bool image = request.Method == "PUT" && request.Path.StartsWith(AgentPrefix, StringComparison.Ordinal);
        VendorBody body = image
            ? await VendorBody.HashAsync(request.Body, AgentFace.MaxImageBytes, cancellationToken)
            : await VendorBody.ReadAsync(request.Body, MaxJsonBytes, cancellationToken);
        string? inputProblem = request.Path.StartsWith(ReplicatePrefix, StringComparison.Ordinal)
            ? await replicate.ReadInputAsync(request, body, cancellationToken)
            : null;
        return Enter(() => Route(request, body, inputProblem));
    }

    /// <summary>Answers a control call: <c>/localcloud/faults</c>, <c>/pods</c> and <c>/truth</c>. The caller has checked who asks.</summary>
    public async Task<VendorResponse> HandleControlAsync(VendorRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        VendorBody body = await VendorBody.ReadAsync(request.Body, MaxJsonBytes, cancellationToken);
        return Enter(() => control.Handle(request, body));
    }

    /// <summary>The next event that Replicate tells, and has not told yet.</summary>
    public ReplicateEvent? TakeReplicateEvent()
    {
        lock (gate)
        {
            World.AdvanceTo(clock.GetUtcNow());
            ReplicateEvent? told = World.Replicate.TakeEvent();
            World.Commit();
            return told;
        }
    }

    /// <summary>For the portal that this LocalCloud runs in; see <see cref="TakeStoreFault"/>.</summary>
    public Task<StoreFault?> TakeStoreFaultAsync(IReadOnlyList<string> kinds, string subject, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            World.AdvanceTo(clock.GetUtcNow());
            StoreFault? fault = World.TakeStoreFault(kinds, subject);
            World.Commit();
            return Task.FromResult(fault);
        }
    }

    internal static bool TokenMatches(string? authorization, string expected)
    {
        const string scheme = "Bearer ";
        return expected.Length > 0
            && authorization is not null
            && authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(authorization[scheme.Length..]), Encoding.UTF8.GetBytes(expected));
    }

    private VendorResponse Enter(Func<VendorResponse> answer)
    {
        lock (gate)
        {
            World.AdvanceTo(clock.GetUtcNow());
            VendorResponse response = answer();
            World.Commit();
            return response;
        }
    }

    private VendorResponse Route(VendorRequest request, VendorBody body, string? inputProblem)
    {
        if (request.Path.StartsWith(AgentPrefix, StringComparison.Ordinal))
        {
            string rest = request.Path[AgentPrefix.Length..];
            int slash = rest.IndexOf('/', StringComparison.Ordinal);
            return slash <= 0 ? Answers.Proxy(404) : agent.Handle(rest[..slash], rest[slash..], request, body);
        }

        if (request.Path.StartsWith(ReplicatePrefix, StringComparison.Ordinal))
        {
            return replicate.Handle(request.Path[ReplicatePrefix.Length..], request, body, inputProblem);
        }

        if (request.Path.StartsWith(RunPodPrefix, StringComparison.Ordinal))
        {
            World.CountRequest();
            return runPod.Handle(request.Path[(RunPodPrefix.Length - 1)..], request, body)
                .With("x-request-id", World.Account.Requests.ToString("x12", CultureInfo.InvariantCulture))
                .With("Date", clock.GetUtcNow().ToString("R", CultureInfo.InvariantCulture));
        }

        return Answers.Problem(404, "resource not found");
    }
}

/// <summary>A request's body, read before the world is entered.</summary>
/// <param name="TooLarge">It was longer than allowed and the rest was not read.</param>
/// <param name="Sha256">Lower-case hex, when the body was only hashed.</param>
internal sealed record VendorBody(ReadOnlyMemory<byte> Bytes, bool TooLarge, long Length, string? Sha256)
{
    private const int PieceBytes = 64 * 1024;

    public static async Task<VendorBody> ReadAsync(Stream body, int limit, CancellationToken cancellationToken)
    {
        if (body == Stream.Null)
        {
            return new VendorBody(default, false, 0, null);
        }

        byte[] bytes = new byte[1024];
        int length = 0;
        while (true)
        {
            if (length == bytes.Length)
            {
                if (length > limit)
                {
                    return new VendorBody(default, true, length, null);
                }

                Array.Resize(ref bytes, length * 2);
            }

            int read = await body.ReadAsync(bytes.AsMemory(length), cancellationToken);
            if (read == 0)
            {
                return new VendorBody(bytes.AsMemory(0, length), false, length, null);
            }

            length += read;
        }
    }

    public static async Task<VendorBody> HashAsync(Stream body, long limit, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] piece = new byte[PieceBytes];
        long length = 0;
        int read;
        while ((read = await body.ReadAsync(piece, cancellationToken)) > 0)
        {
            length += read;
            if (length > limit)
            {
                return new VendorBody(default, true, length, null);
            }

            hash.AppendData(piece, 0, read);
        }

        return new VendorBody(default, false, length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
