using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Marks a route that plays a vendor: it checks the vendor's own key and is meant to work without the portal's sign-in.</summary>
public sealed class VendorFaceMetadata;

/// <summary>Serves LocalCloud's faces over HTTP, to this machine alone.</summary>
public static class LocalCloudEndpoints
{
    /// <summary>The policy that the control routes ask for inside the portal.</summary>
    public const string ControlPolicy = "local-cloud";

    /// <summary>Maps the faces inside the portal: vendor faces by the vendor's key, control routes by the policy <see cref="ControlPolicy"/>.</summary>
    public static void MapLocalCloud(this IEndpointRouteBuilder endpoints)
    {
        foreach (IEndpointConventionBuilder control in MapControl(endpoints, ControlAsync))
        {
            control.RequireAuthorization(ControlPolicy);
        }

        MapVendors(endpoints);
    }

    /// <summary>Maps the faces of a process of its own: the control routes take <see cref="LocalCloudKeys.ControlToken"/> as bearer token.</summary>
    internal static void MapLocalCloudAlone(this IEndpointRouteBuilder endpoints)
    {
        MapControl(endpoints, ControlByTokenAsync);
        MapVendors(endpoints);
    }

    private static void MapVendors(IEndpointRouteBuilder endpoints)
    {
        foreach (string face in new[] { "runpod", "agents", "replicate" })
        {
            endpoints.Map($"{LocalCloudFace.Prefix}/{face}/{{**rest}}", VendorAsync)
                .WithMetadata(new VendorFaceMetadata(), new AllowAnonymousAttribute())
                .DisableAntiforgery()
                .ExcludeFromDescription();
        }
    }

    private static List<IEndpointConventionBuilder> MapControl(IEndpointRouteBuilder endpoints, RequestDelegate handler)
    {
        List<IEndpointConventionBuilder> routes = [];
        foreach (string route in new[] { "faults", "faults/take", "pods", "truth" })
        {
            routes.Add(endpoints.Map($"{LocalCloudFace.Prefix}/{route}", handler).DisableAntiforgery().ExcludeFromDescription());
        }

        return routes;
    }

    private static Task VendorAsync(HttpContext context) =>
        AnswerAsync(context, static (face, request, token) => face.HandleAsync(request, token));

    private static Task ControlAsync(HttpContext context) =>
        AnswerAsync(context, static (face, request, token) => face.HandleControlAsync(request, token));

    private static Task ControlByTokenAsync(HttpContext context)
    {
        LocalCloudKeys keys = context.RequestServices.GetRequiredService<LocalCloudKeys>();
        return !IsLocal(context) || LocalCloudFace.TokenMatches(context.Request.Headers.Authorization, keys.ControlToken)
            ? ControlAsync(context)
            : WriteAsync(context, Answers.Problem(401, $"Send the header 'Authorization: Bearer' with {LocalCloudOptions.Section}:ControlToken."));
    }

    private static async Task AnswerAsync(
        HttpContext context, Func<LocalCloudFace, VendorRequest, CancellationToken, Task<VendorResponse>> handle)
    {
        if (!IsLocal(context))
        {
            await WriteAsync(context, Answers.Problem(403, "LocalCloud answers callers on its own machine only."));
            return;
        }

        HttpRequest http = context.Request;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = AgentFace.MaxImageBytes + 1024;
        }

        VendorRequest request = new(
            http.Method, http.Path.Value ?? "", http.QueryString.Value ?? "", name => (string?)http.Headers[name], http.Body)
        {
            Root = $"{http.Scheme}://{http.Host}{LocalCloudFace.Prefix}",
        };
        CancellationToken aborted = context.RequestAborted;
        VendorResponse answer = await handle(context.RequestServices.GetRequiredService<LocalCloudFace>(), request, aborted);
        if (answer.Hang is { } hang)
        {
            try
            {
                await Task.Delay(hang, context.RequestServices.GetRequiredService<TimeProvider>(), aborted);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }

        await WriteAsync(context, answer);
    }

    /// <summary>
    /// A peer without an address is in the same process or on a local socket. A forwarded call comes from elsewhere, although the proxy that
    /// forwards it is on this machine.
    /// </summary>
    private static bool IsLocal(HttpContext context) =>
        (context.Connection.RemoteIpAddress is not { } peer || IPAddress.IsLoopback(peer))
        && !context.Request.Headers.ContainsKey("X-Forwarded-For")
        && !context.Request.Headers.ContainsKey("Forwarded");

    private static async Task WriteAsync(HttpContext context, VendorResponse answer)
    {
        HttpResponse http = context.Response;
        http.StatusCode = answer.Status;
        foreach ((string name, string value) in answer.Headers)
        {
            http.Headers[name] = value;
        }

        if (answer.Status == StatusCodes.Status204NoContent)
        {
            return;
        }

        http.ContentType = answer.ContentType;
        http.ContentLength = answer.Stream?.Length ?? answer.Body.Length;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        if (answer.Stream is { } stream)
        {
            await using (stream)
            {
                await stream.CopyToAsync(http.Body, context.RequestAborted);
                if (stream.Position < stream.Length)
                {
                    // What there is goes out before the connection ends; by itself the server would hold it back to refuse a wrong length.
                    await http.Body.FlushAsync(context.RequestAborted);
                    context.Abort();
                }
            }
        }
        else
        {
            await http.Body.WriteAsync(answer.Body, context.RequestAborted);
        }
    }
}
