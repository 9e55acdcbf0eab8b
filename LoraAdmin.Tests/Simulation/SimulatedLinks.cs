using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Links into buckets in memory, good for an hour, and how somebody outside follows them.</summary>
public sealed class SimulatedLinks(MemoryObjectStore objects, TimeProvider clock) : ILinkSigner
{
    private const string Root = "https://portal.example.org/objects/";

    public TimeSpan Lifetime => TimeSpan.FromHours(1);

    public SignedLink Sign(ObjectRef target)
    {
        DateTimeOffset expires = clock.GetUtcNow() + Lifetime;
        return new SignedLink($"{Root}{target.Bucket}/{target.Key}?expires={expires.ToUnixTimeSeconds()}", expires);
    }

    public Task<byte[]?> FetchAsync(Uri link, CancellationToken cancellationToken)
    {
        string path = link.GetLeftPart(UriPartial.Path)[Root.Length..];
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        bool expired = clock.GetUtcNow().ToUnixTimeSeconds() >= long.Parse(link.Query["?expires=".Length..], System.Globalization.CultureInfo.InvariantCulture);
        return Task.FromResult(expired ? null : objects.Find(new ObjectRef(path[..slash], path[(slash + 1)..])));
    }
}

/// <summary>Scratch in memory.</summary>
public sealed class MemoryScratch : IScratch
{
    public Stream Open() => new MemoryStream();
}
