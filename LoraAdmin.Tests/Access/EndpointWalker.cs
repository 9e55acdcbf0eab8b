using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.Access;

/// <param name="Route">Method and pattern.</param>
/// <param name="Exempt">Why it may answer anybody: its path, or the name of the metadata that says so; null: it may not.</param>
public sealed record WalkedRoute(string Route, string? Exempt, HttpStatusCode Status, string? Location)
{
    public bool MayBeAnonymous => Exempt is not null;

    /// <summary>Whether a caller without credentials was turned away.</summary>
    public bool TurnedAway =>
        Status == HttpStatusCode.Unauthorized
        || (Status is HttpStatusCode.Redirect && Location is not null && new Uri(new Uri("http://portal"), Location).AbsolutePath == "/sign-in");
}

/// <summary>Calls every route of an app for real, without credentials. New routes are walked without anybody thinking of it.</summary>
public static partial class EndpointWalker
{
    /// <summary>Everything that may be had without signing in.</summary>
    private static readonly string[] AnonymousPaths = ["/health/live", "/health/ready", "/sign-in"];

    private static readonly string[] AnonymousMetadata = ["SignedLinkMetadata", "SignedWebhookMetadata", "VendorFaceMetadata", "StaticAssetDescriptor"];

    /// <param name="client">Follows no redirect and carries no credentials.</param>
    public static async Task<IReadOnlyList<WalkedRoute>> WalkAsync(IServiceProvider services, HttpClient client)
    {
        List<WalkedRoute> walked = [];
        foreach (RouteEndpoint endpoint in services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            IReadOnlyList<string> methods = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is { Count: > 0 } some ? some : ["GET", "POST"];
            string path = PathOf(endpoint.RoutePattern);
            foreach (string method in methods)
            {
                using HttpRequestMessage request = new(new HttpMethod(method), path);
                request.Headers.Accept.ParseAdd(method == "GET" ? "text/html" : "*/*");
                using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                walked.Add(new WalkedRoute($"{method} /{endpoint.RoutePattern.RawText?.TrimStart('/')}", ExemptBy(endpoint, path), response.StatusCode, response.Headers.Location?.ToString()));
            }
        }

        return walked;
    }

    private static string? ExemptBy(RouteEndpoint endpoint, string path) =>
        AnonymousPaths.Contains(path, StringComparer.Ordinal)
            ? path
            : endpoint.Metadata.Select(metadata => metadata.GetType().Name).FirstOrDefault(name => AnonymousMetadata.Contains(name, StringComparer.Ordinal));

    private static string PathOf(RoutePattern pattern) =>
        "/" + string.Join('/', pattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(PartOf))));

    private static string PartOf(RoutePatternPart part) => part switch
    {
        RoutePatternLiteralPart literal => literal.Content,
        RoutePatternSeparatorPart separator => separator.Content,
        RoutePatternParameterPart parameter => SampleOf(parameter),
        _ => throw new NotSupportedException($"{part.PartKind} is not a part that the walker knows."),
    };

    private static string SampleOf(RoutePatternParameterPart parameter)
    {
        string[] constraints = [.. parameter.ParameterPolicies.Select(policy => policy.Content ?? "")];
        return constraints.Any(NumberConstraint().IsMatch) ? "1"
            : constraints.Contains("guid") ? "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10"
            : parameter.Name == "documentName" ? "v1"
            : "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";
    }

    [GeneratedRegex("^(int|long|min|max|range)")]
    private static partial Regex NumberConstraint();
}
